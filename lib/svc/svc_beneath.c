/* SPDX-License-Identifier: Apache-2.0 */
#include "svc_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(SYS_openat2) && defined(__has_include)
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#define HAVE_OPENAT2 1
#endif
#endif
#ifndef HAVE_OPENAT2
#define HAVE_OPENAT2 0
#endif

/* BSDs have no O_PATH; there a FIFO is kept from blocking by O_NONBLOCK. */
#ifdef O_PATH
#define LOOK_FLAGS (O_PATH | O_CLOEXEC)
#else
#define LOOK_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#endif
#define READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

#define RACES_MAX 8

#if HAVE_OPENAT2
/* A descriptor, or -1 and errno. */
static int open_kernel(int root, const char *relative, int flags)
{
    struct open_how how;
    long fd;
    int races = 0;

    memset(&how, 0, sizeof(how));
    how.flags = (uint64_t)(unsigned)flags;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    do {
        fd = syscall(SYS_openat2, root, relative, &how, sizeof(how));
        /* openat2(2): EAGAIN when a rename elsewhere made a `..` in a link unsure; trying again is what it advises. */
    } while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++races < RACES_MAX)));
    return (int)fd;
}
#endif

static int open_step(int dir, const char *name, size_t length, int flags)
{
    char part[256];
    int fd;

    if (length == 0 || length >= sizeof(part)) {
        errno = length == 0 ? ENOENT : ENAMETOOLONG;
        return -1;
    }
    memcpy(part, name, length);
    part[length] = '\0';
    if (strcmp(part, "..") == 0) {
        errno = EXDEV;
        return -1;
    }
    do {
        fd = openat(dir, part, flags | O_NOFOLLOW);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* With O_PATH a link opens as itself; it is no regular file, so callers refuse it. Takes over `dir`. */
static int open_by_steps(int dir, const char *relative, int flags)
{
    for (;;) {
        const char *slash = strchr(relative, '/');
        size_t length = slash != NULL ? (size_t)(slash - relative) : strlen(relative);
        int next = open_step(dir, relative, length, slash != NULL ? LOOK_FLAGS | O_DIRECTORY : flags);
        int error = errno;

        (void)close(dir);
        errno = error;
        if (next < 0 || slash == NULL)
            return next;
        dir = next;
        relative = slash + 1;
    }
}

static int open_root(const char *root)
{
    int fd;

    /* Anew each time, never kept: a root that is mounted or exchanged later is then simply there. */
    do {
        fd = open(root, LOOK_FLAGS | O_DIRECTORY);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* 0 or an errno value. What leads out of the root is not there. */
static int open_beneath(const char *root, const char *relative, int flags, int *out)
{
    int fd, dir = open_root(root);

    *out = -1;
    if (dir < 0)
        return errno;
#if HAVE_OPENAT2
    fd = open_kernel(dir, relative, flags);
    /* EPERM: seccomp profiles older than the call refuse it so. */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
        fd = open_by_steps(dir, relative, flags);
    }
    else {
        int error = errno;

        (void)close(dir);
        errno = error;
    }
#else
    fd = open_by_steps(dir, relative, flags);
#endif
    if (fd < 0)
        return errno == EXDEV || errno == ELOOP || errno == ENOTDIR || errno == ENAMETOOLONG || errno == EINVAL
                   ? ENOENT : errno;
    *out = fd;
    return 0;
}

int svc_beneath_stat(const char *root, const char *relative, struct stat *out)
{
    int fd, error = open_beneath(root, relative, LOOK_FLAGS, &fd);

    if (error != 0)
        return error;
    if (fstat(fd, out) != 0)
        error = errno;
    (void)close(fd);
    return error;
}

int svc_beneath_open(const char *root, const char *relative, int *fd)
{
    int error = open_beneath(root, relative, READ_FLAGS, fd);

    /* open(2): a socket, and a FIFO or device that nobody serves, are ENXIO; to us that is no file. */
    return error == ENXIO || error == ENODEV ? ENOENT : error;
}

int svc_beneath_open_dir(const char *root, const char *relative, int *fd)
{
    if (relative[0] != '\0')
        return open_beneath(root, relative, LOOK_FLAGS | O_DIRECTORY, fd);
    *fd = open_root(root);
    return *fd < 0 ? errno : 0;
}

int64_t svc_beneath_mtime_us(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}
