#include "acsr/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

#define SEAL "\nsofa-acsr-kernel " /* and the digest's 64 digits; behind the end of a shared object loaders don't look */
#define SEAL_BYTES (sizeof SEAL - 1 + SOFA_SHA256_TEXT - 1)

enum sofa_code sofa_cache_prepare(const char *folder, struct sofa_err *err)
{
    struct stat s;
    enum sofa_code rc = SOFA_OK;

    if (!sofa_is_directory(folder)) {
        rc = sofa_make_directory(folder, err);
        if (rc == SOFA_OK && chmod(folder, 0700) != 0)
            rc = sofa_fail_errno(err, "protect", folder);
    }
    if (rc != SOFA_OK)
        return rc;
    if (stat(folder, &s) != 0)
        return sofa_fail_errno(err, "read", folder);
    if (s.st_uid != geteuid() || s.st_mode & (S_IWGRP | S_IWOTH))
        return sofa_fail(err, SOFA_E_IO, "the folder %s is another user's or writable by others", folder);
    if (access(folder, W_OK | X_OK) != 0)
        return sofa_fail_errno(err, "write to", folder);
    return SOFA_OK;
}

/* Whether the digest at the end is that of what stands before it. */
static bool whole(const char *data, size_t size)
{
    char digest[SOFA_SHA256_TEXT];

    if (size < SEAL_BYTES || memcmp(data + size - SEAL_BYTES, SEAL, sizeof SEAL - 1) != 0)
        return false;
    sofa_sha256(data, size - SEAL_BYTES, digest);
    return memcmp(data + size - SOFA_SHA256_TEXT + 1, digest, SOFA_SHA256_TEXT - 1) == 0;
}

static enum sofa_code check(const char *path, int fd, struct sofa_err *err)
{
    struct stat s;
    char *data;
    bool good;

    if (fstat(fd, &s) != 0)
        return sofa_fail_errno(err, "read", path);
    if (!S_ISREG(s.st_mode) || s.st_uid != geteuid() || s.st_mode & (S_IWGRP | S_IWOTH))
        return sofa_fail(err, SOFA_E_IO, "%s is another user's or writable by others", path);
    if (s.st_size <= 0)
        return sofa_fail(err, SOFA_E_IO, "%s is empty", path);
    data = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return sofa_fail_errno(err, "read", path);
    good = whole(data, (size_t)s.st_size);
    munmap(data, (size_t)s.st_size);
    return good ? SOFA_OK : sofa_fail(err, SOFA_E_IO, "%s is damaged", path);
}

enum sofa_code sofa_cache_open(const char *path, int *fd, struct sofa_err *err)
{
    enum sofa_code rc;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0)
        return errno == ENOENT ? SOFA_OK : sofa_fail_errno(err, "read", path);
    rc = check(path, *fd, err);
    if (rc != SOFA_OK) {
        close(*fd);
        *fd = -1;
    }
    return rc;
}

enum sofa_code sofa_cache_seal(const char *path, struct sofa_err *err)
{
    char digest[SOFA_SHA256_TEXT], *data = NULL, *sealed;
    size_t size;
    enum sofa_code rc;

    SOFA_TRY(sofa_file_read(path, (size_t)256 << 20, &data, &size, err));
    sealed = realloc(data, size + SEAL_BYTES + 1);
    if (!sealed) {
        rc = sofa_fail_nomem(err, "a compiled kernel");
        goto out;
    }
    data = sealed;
    sofa_sha256(data, size, digest);
    memcpy(data + size, SEAL, sizeof SEAL - 1);
    memcpy(data + size + sizeof SEAL - 1, digest, SOFA_SHA256_TEXT);
    SOFA_TRY(sofa_file_write_atomic(path, data, size + SEAL_BYTES, err));
    if (chmod(path, 0600) != 0)
        rc = sofa_fail_errno(err, "protect", path);
out:
    free(data);
    return rc;
}
