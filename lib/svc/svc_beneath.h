/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Finding and opening files below a folder and never out of it, whatever links lie there.
 *
 * With openat2(2) (Linux 5.6) a link is followed as long as it stays below the root; an absolute link is refused even
 * where it points back into the root. Without openat2 no link at all is followed.
 */
#ifndef SVC_BENEATH_H
#define SVC_BENEATH_H

#include <sys/stat.h>

#include "../core/iiif_err.h"

/**
 * Looks at what `relative` names below `root` without opening it (nothing blocks, no device is touched).
 * 0, or an errno value: ENOENT also for what leads out.
 */
int svc_beneath_stat(const char *root, const char *relative, struct stat *out);

/** Opens a file for reading; never blocks on a FIFO. The caller's descriptor in *fd, else an errno value as above. */
int svc_beneath_open(const char *root, const char *relative, int *fd);

/** Opens a folder, for fstatat; `relative` may be "". As svc_beneath_open. */
int svc_beneath_open_dir(const char *root, const char *relative, int *fd);

/** Microseconds since 1970 of the last change. */
int64_t svc_beneath_mtime_us(const struct stat *st);

#endif
