#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

/* A file that was named by the user and can't be read is bad input. */
static enum sofa_code fail_input(struct sofa_err *err, const char *path)
{
    enum sofa_code rc = sofa_fail_errno(err, "read", path);

    if (err)
        err->code = SOFA_E_INPUT;
    return rc == SOFA_OK ? rc : SOFA_E_INPUT;
}

static enum sofa_code open_for_reading(const char *path, int *fd, size_t *size, struct sofa_err *err)
{
    struct stat st;

    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return fail_input(err, path);
    if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *size = (size_t)st.st_size;
        return SOFA_OK;
    }
    close(*fd);
    *fd = -1;
    return sofa_fail_at(err, SOFA_E_INPUT, path, 0, 0, "not a regular file");
}

static bool read_all(int fd, char *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(fd, data + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

enum sofa_code sofa_file_read(const char *path, size_t most, char **data, size_t *size,
                              struct sofa_err *err)
{
    enum sofa_code rc;
    char *buf = NULL;
    int fd = -1;

    SOFA_TRY(open_for_reading(path, &fd, size, err));
    if (*size > most) {
        rc = sofa_fail_at(err, SOFA_E_INPUT, path, 0, 0, "larger than %zu bytes", most);
        goto out;
    }
    buf = malloc(*size + 1);
    if (!buf) {
        rc = sofa_fail_nomem(err, path);
        goto out;
    }
    if (!read_all(fd, buf, *size)) {
        rc = fail_input(err, path);
        goto out;
    }
    buf[*size] = '\0';
    *data = buf;
    buf = NULL;
out:
    free(buf);
    if (fd >= 0)
        close(fd);
    return rc;
}

static bool write_all(int fd, const char *data, size_t size, bool sync)
{
    while (size) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return !sync || fsync(fd) == 0;
}

/* Makes a rename last; a file system that can't sync folders is left alone. */
static void sync_directory_of(const char *path)
{
    char *directory = sofa_path_directory(path);
    int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(directory);
}

/* Something that a rename must not replace by a file: /dev/stdout, a pipe. */
static bool is_special(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static enum sofa_code write_through(const char *path, const char *data, size_t size, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return sofa_fail_errno(err, "open", path);
    if (!write_all(fd, data, size, false))
        rc = sofa_fail_errno(err, "write", path);
    if (close(fd) != 0 && rc == SOFA_OK)
        rc = sofa_fail_errno(err, "write", path);
    return rc;
}

enum sofa_code sofa_file_write_atomic(const char *path, const char *data, size_t size,
                                      struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    char *tmp;
    int fd = -1;

    if (is_special(path))
        return write_through(path, data, size, err);
    tmp = sofa_format("%s.tmp.%ld", path, (long)getpid());
    if (!tmp)
        return sofa_fail_nomem(err, path);
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        rc = sofa_fail_errno(err, "create", path);
        goto out;
    }
    if (!write_all(fd, data, size, true))
        rc = sofa_fail_errno(err, "write", path);
    if (close(fd) != 0 && rc == SOFA_OK)
        rc = sofa_fail_errno(err, "write", path);
    if (rc == SOFA_OK && rename(tmp, path) != 0)
        rc = sofa_fail_errno(err, "rename to", path);
    if (rc == SOFA_OK)
        sync_directory_of(path);
    else
        unlink(tmp);
out:
    free(tmp);
    return rc;
}

enum sofa_code sofa_map_open(const char *path, struct sofa_map *map, struct sofa_err *err)
{
    enum sofa_code rc;
    void *p;
    int fd = -1;

    *map = (struct sofa_map){NULL, 0};
    SOFA_TRY(open_for_reading(path, &fd, &map->size, err));
    if (map->size) {
        p = mmap(NULL, map->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            rc = fail_input(err, path);
        else
            map->data = p;
    }
    close(fd);
out:
    return rc;
}

void sofa_map_close(struct sofa_map *map)
{
    if (map->data)
        munmap((void *)map->data, map->size);
    *map = (struct sofa_map){NULL, 0};
}

bool sofa_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool sofa_is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum sofa_code sofa_make_directory(const char *path, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    char *copy = sofa_format("%s", path);

    if (!copy)
        return sofa_fail_nomem(err, path);
    for (char *p = copy + 1; rc == SOFA_OK && *copy; p++) {
        char kept = *p;

        if (kept && kept != '/')
            continue;
        *p = '\0';
        if (mkdir(copy, 0777) != 0) {
            int why = errno == EEXIST ? ENOTDIR : errno;

            if (!sofa_is_directory(copy)) {
                errno = why;
                rc = sofa_fail_errno(err, "create folder", copy);
            }
        }
        *p = kept;
        if (!kept)
            break;
    }
    free(copy);
    return rc;
}

const char *sofa_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

char *sofa_path_directory(const char *path)
{
    const char *base = sofa_path_base(path);

    if (base == path)
        return sofa_format(".");
    if (base == path + 1)
        return sofa_format("/");
    return sofa_format("%.*s", (int)(base - path - 1), path);
}

char *sofa_path_join(const char *directory, const char *name)
{
    size_t n = strlen(directory);

    if (name[0] == '/' || n == 0 || strcmp(directory, ".") == 0)
        return sofa_format("%s", name);
    return sofa_format("%s%s%s", directory, directory[n - 1] == '/' ? "" : "/", name);
}

char *sofa_path_relative_to_file(const char *file, const char *name)
{
    char *directory = sofa_path_directory(file);
    char *path = directory ? sofa_path_join(directory, name) : NULL;

    free(directory);
    return path;
}

/* `name` below `directory` where such a file is, else NULL. */
static char *existing(const char *directory, const char *name)
{
    char *path = sofa_path_join(directory, name);

    if (path && sofa_file_exists(path))
        return path;
    free(path);
    return NULL;
}

/* Below the folder the program lies in (a build in the source tree) or the source tree it was
 * built from, which the build leaves beside the program as `.sofa-source`. */
static char *existing_beside_program(const char *name)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    char *directory, *path, *marker = NULL, *source = NULL;
    size_t size;

    if (n <= 0)
        return NULL;
    exe[n] = '\0';
    directory = sofa_path_directory(exe);
    path = directory ? existing(directory, name) : NULL;
    if (directory && !path && (marker = existing(directory, ".sofa-source")) &&
        sofa_file_read(marker, PATH_MAX, &source, &size, NULL) == SOFA_OK) {
        source[strcspn(source, "\n")] = '\0';
        path = existing(source, name);
    }
    free(source);
    free(marker);
    free(directory);
    return path;
}

char *sofa_data_file(const char *name)
{
    const char *override = getenv("SOFA_DSE_DATA");
    char *path = NULL;

    if (override && *override)
        return existing(override, name);
    path = existing_beside_program(name);
    return path ? path : existing(SOFA_DATA_DIR, name);
}

static int is_yaml(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void sofa_names_release(struct sofa_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->name[i]);
    free(names->name);
    *names = (struct sofa_names){NULL, 0};
}

bool sofa_data_names(const char *folder, struct sofa_names *names)
{
    char *path = sofa_data_file(folder);
    struct dirent **entry = NULL;
    int found = path ? scandir(path, &entry, is_yaml, NULL) : -1;
    bool good = found >= 0;

    *names = (struct sofa_names){NULL, 0};
    if (good)
        names->name = calloc((size_t)found + 1, sizeof *names->name);
    for (int i = 0; i < found; i++) {
        char *name = names->name ? sofa_format("%.*s", (int)strlen(entry[i]->d_name) - 5, entry[i]->d_name) : NULL;

        if (name)
            names->name[names->n++] = name;
        free(entry[i]);
    }
    free(entry);
    free(path);
    good = good && names->n == (size_t)found && names->name;
    if (good)
        qsort(names->name, names->n, sizeof *names->name, by_name);
    else
        sofa_names_release(names);
    return good;
}

char *sofa_cache_folder(void)
{
    const char *own = getenv("SOFA_DSE_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (own && *own)
        return sofa_format("%s", own);
    if (xdg && *xdg == '/') /* the XDG specification: relative paths are to be ignored */
        return sofa_format("%s/sofa-dse", xdg);
    return home && *home ? sofa_format("%s/.cache/sofa-dse", home) : NULL;
}
