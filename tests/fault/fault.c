/*
 * Faults on demand, for a build made with --enable-fault-injection: the linker sends our calls of these
 * functions here (-Wl,--wrap), and call n of one kind fails as the system would.
 *
 * SOFA_FAULT=KIND:N   KIND is malloc (calloc and realloc too), write, fsync or sqlite; N counts from 1
 * SOFA_FAULT_MARK     a file that is made when the fault happens
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
ssize_t __real_write(int fd, const void *data, size_t size);
int __real_fsync(int fd);
int __real_sqlite3_step(sqlite3_stmt *statement);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __wrap_fsync(int fd);
int __wrap_sqlite3_step(sqlite3_stmt *statement);

/* Whether this call of a kind is the one that fails. */
static bool is_due(const char *kind)
{
    static atomic_long count;
    const char *fault = getenv("SOFA_FAULT"), *mark = getenv("SOFA_FAULT_MARK");
    size_t n = strlen(kind);
    int fd;

    if (!fault || strncmp(fault, kind, n) != 0 || fault[n] != ':' ||
        atomic_fetch_add(&count, 1) + 1 != strtol(fault + n + 1, NULL, 10))
        return false;
    fd = mark ? open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (fd >= 0)
        close(fd);
    return true;
}

void *__wrap_malloc(size_t size)
{
    return is_due("malloc") ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_due("malloc") ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return is_due("malloc") ? NULL : __real_realloc(old, size);
}

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    if (is_due("write")) {
        errno = ENOSPC;
        return -1;
    }
    return __real_write(fd, data, size);
}

int __wrap_fsync(int fd)
{
    if (is_due("fsync")) {
        errno = EIO;
        return -1;
    }
    return __real_fsync(fd);
}

int __wrap_sqlite3_step(sqlite3_stmt *statement)
{
    return is_due("sqlite") ? SQLITE_FULL : __real_sqlite3_step(statement);
}
