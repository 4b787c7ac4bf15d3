#include "acsr/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

#define SEAL "\nsofa-acsr-kernel " /* and the digest's 64 digits; behind the end of a shared object loaders don't look */
#define SEAL_BYTES (sizeof SEAL - 1 + SOFA_SHA256_TEXT - 1)
#define BUILD_SECONDS (24 * 3600) /* no compilation takes so long */

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

void sofa_cache_touch(int fd)
{
    (void)!futimens(fd, NULL);
}

void sofa_cache_remove_build(const char *folder)
{
    static const char *const files[] = {"kernel.c", "kernel.so", "log"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = sofa_path_join(folder, files[i]);

        if (path)
            unlink(path);
        free(path);
    }
    rmdir(folder);
}

/* A file of the cache, and when it was used. */
struct used {
    char *path;
    struct timespec time;
};

static int later_first(const void *pa, const void *pb)
{
    const struct used *a = pa, *b = pb;

    if (a->time.tv_sec != b->time.tv_sec)
        return a->time.tv_sec < b->time.tv_sec ? 1 : -1;
    if (a->time.tv_nsec != b->time.tv_nsec)
        return a->time.tv_nsec < b->time.tv_nsec ? 1 : -1;
    return strcmp(a->path, b->path);
}

static int is_entry(const struct dirent *d)
{
    size_t digits = SOFA_SHA256_TEXT - 1;

    return strncmp(d->d_name, "acsr-", 5) == 0 && strspn(d->d_name + 5, "0123456789abcdef") == digits &&
           strcmp(d->d_name + 5 + digits, ".so") == 0;
}

static int is_build(const struct dirent *d)
{
    return strncmp(d->d_name, "build.", 6) == 0;
}

/* The folder's files that `is` picks, the latest first; returns their number, and *list with their paths is the caller's. */
static size_t list_used(const char *folder, int (*is)(const struct dirent *), struct used **list)
{
    struct dirent **name = NULL;
    int found = scandir(folder, &name, is, NULL);
    struct used *used = calloc((size_t)(found > 0 ? found : 0) + 1, sizeof *used);
    struct stat s;
    size_t n = 0;

    for (int i = 0; i < found; i++) {
        char *path = used ? sofa_path_join(folder, name[i]->d_name) : NULL;

        if (path && lstat(path, &s) == 0)
            used[n++] = (struct used){path, s.st_mtim};
        else
            free(path);
        free(name[i]);
    }
    free(name);
    if (n)
        qsort(used, n, sizeof *used, later_first);
    *list = used;
    return n;
}

void sofa_cache_prune(const char *folder, size_t most)
{
    struct used *entry, *build;
    size_t entries = list_used(folder, is_entry, &entry), builds = list_used(folder, is_build, &build);
    time_t yesterday = time(NULL) - BUILD_SECONDS;

    for (size_t i = 0; i < entries; i++) {
        if (i >= most)
            unlink(entry[i].path);
        free(entry[i].path);
    }
    for (size_t i = 0; i < builds; i++) {
        if (build[i].time.tv_sec < yesterday)
            sofa_cache_remove_build(build[i].path);
        free(build[i].path);
    }
    free(entry);
    free(build);
}
