# SPDX-License-Identifier: Apache-2.0
"""Who may have an image: the folders' own grants, logins, and what must not be learnt from a refusal."""
import os

import pytest

ALLOWED_ERRORS = []
LOGIN = "Basic cmVhZGVyOnJlYWRlcg=="   # reader:reader


def test_denied_folder(site):
    """The Directory section of the master's folder holds, though the Location has no Require."""
    for path in ("full/max/0/default.jpg", "info.json"):
        assert site.get("/iiif/3/denied%2Fsecret.jpg/" + path).status == 403
    assert site.get("/iiif/3/denied%2Fsecret.jpg").status == 403
    assert site.get("/iiif/3/denied/secret.jpg/info.json").status == 403


def test_denied_folder_redirect_tells_nothing(site):
    assert site.get("/iiif/3/denied%2Fsecret/info.json").status == 403


def test_denied_folder_does_not_tell_what_is_in_it(site):
    """Existing and missing names get the same answer."""
    there, missing = (site.get("/iiif/3/denied%%2F%s/info.json" % name) for name in ("secret.jpg", "missing.jpg"))
    assert (there.status, there.body) == (missing.status, missing.body)


def test_denied_by_default(make_env):
    """No grant at all: Debian's `<Directory />` denies."""
    env = make_env('<Location "/iiif">\nIIIFRoot "{masters}"\n</Location>', grant=False)
    assert env.get("/iiif/3/rgb.jpg/info.json").status == 403
    assert env.get("/iiif/3/rgb.jpg/full/max/0/default.jpg").status == 403


def test_malformed_requests_are_told_after_authorisation(site):
    assert site.get("/login/rgb.jpg/full/0,/0/default.jpg").status == 401
    assert site.get("/login/nothing.jpg/info.json").status == 401
    assert site.get("/login/rgb.jpg").status == 401
    assert site.get("/login/rgb.jpg/full/0,/0/default.jpg", Authorization=LOGIN).status == 400
    assert site.get("/login/nothing.jpg/info.json", Authorization=LOGIN).status == 404
    assert site.get("/login/rgb.jpg/full/10,/0/default.jpg", Authorization=LOGIN).status == 200


def test_conditions_are_answered_after_authorisation(site):
    etag = site.get("/login/rgb.jpg/full/10,/0/default.jpg", Authorization=LOGIN).headers["ETag"]
    assert site.get("/login/rgb.jpg/full/10,/0/default.jpg", if_none_match=etag).status == 401


@pytest.mark.parametrize("options, status", [("None", 403), ("FollowSymLinks", 200)])
def test_symlink_policy_of_the_folder(make_env, options, status):
    env = make_env('''
        <Directory "{masters}">
            Require all granted
            Options %s
        </Directory>
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''' % options, grant=False)
    assert env.get("/iiif/3/bad%2Finside.jpg/info.json").status == status
    assert env.get("/iiif/3/rgb.jpg/info.json").status == 200


def test_files_section_and_htaccess(make_env, masters):
    import masters as made
    folder, _ = masters
    made.save(folder, "shelf/a.jpg", made.gradient(30, 20))
    made.save(folder, "shelf/b.jpg", made.gradient(30, 20))
    made.write(folder, "shelf/.htaccess", b"<Files \"a.jpg\">\nRequire all denied\n</Files>\n")
    for name in ("", "/a.jpg", "/b.jpg", "/.htaccess"):
        os.chmod(folder + "/shelf" + name, 0o755 if not name else 0o644)
    env = make_env('''
        <Directory "{masters}/shelf">
            AllowOverride AuthConfig
        </Directory>
        <Files "alpha.*">
            Require all denied
        </Files>
        <Location "/iiif">
            IIIFRoot "{masters}"
        </Location>
    ''')
    assert env.get("/iiif/3/shelf%2Fa.jpg/info.json").status == 403
    assert env.get("/iiif/3/shelf%2Fb.jpg/info.json").status == 200
    assert env.get("/iiif/3/alpha.png/info.json").status == 403


def test_address_range(make_env):
    env = make_env('''
        <Location "/iiif">
            IIIFRoot "{masters}"
            Require ip 10.0.0.0/8
        </Location>
        <Location "/local">
            IIIFRoot "{masters}"
            Require ip 127.0.0.0/8
        </Location>
    ''')
    assert env.get("/iiif/3/rgb.jpg/info.json").status == 403
    assert env.get("/local/3/rgb.jpg/info.json").status == 200


def test_location_grant_replaces_the_folders_unless_merged(make_env):
    """httpd's own rule, which AuthMerging changes."""
    env = make_env('''
        <Location "/open">
            IIIFRoot "{masters}"
            Require all granted
        </Location>
        <Location "/both">
            IIIFRoot "{masters}"
            AuthMerging And
            Require all granted
        </Location>
    ''')
    assert env.get("/open/3/denied%2Fsecret.jpg/info.json").status == 200
    assert env.get("/both/3/denied%2Fsecret.jpg/info.json").status == 403
    assert env.get("/both/3/rgb.jpg/info.json").status == 200
