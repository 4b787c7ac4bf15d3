/*
 * Within the room: the folder of compiled kernels.  jit.h says what it promises.
 */
#ifndef SOFA_ACSR_CACHE_H
#define SOFA_ACSR_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/file.h"

/* Makes the folder where it isn't there (mode 0700) and looks whether only this user can write to it. */
enum sofa_code sofa_cache_prepare(const char *folder, struct sofa_err *err);

/* Opens an entry that is whole, of this user and not writable by others: *fd, the caller's to close.  Where there is no such
 * file *fd is -1 and all is well; SOFA_E_IO says what is wrong with one that is there. */
enum sofa_code sofa_cache_open(const char *path, int *fd, struct sofa_err *err);

#define SOFA_CACHE_ENTRIES 1000 /* that are kept, about 40 MB */

/* Notes that the entry was used now, whatever that gives. */
void sofa_cache_touch(int fd);
/* Removes the entries (files acsr-SHA256.so) that were used longest ago, so that `most` are left, and folders of
 * compilations that were begun more than a day ago.  What can't be removed stays. */
void sofa_cache_prune(const char *folder, size_t most);
/* Removes a folder in which a kernel was compiled. */
void sofa_cache_remove_build(const char *folder);

/* Appends to the file its own digest, which sofa_cache_open looks for. */
enum sofa_code sofa_cache_seal(const char *path, struct sofa_err *err);

#endif
