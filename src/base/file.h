/*
 * Files: whole reads, atomic writes, read-only maps, paths, digests.
 */
#ifndef SOFA_BASE_FILE_H
#define SOFA_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The whole file, with a terminating zero after `size` bytes; owned by the caller (free).
 * Files past `most` bytes are refused (SOFA_E_INPUT); what can't be read is SOFA_E_INPUT too,
 * for a file that isn't there is bad input. */
enum sofa_code sofa_file_read(const char *path, size_t most, char **data, size_t *size,
                              struct sofa_err *err);

/* Writes to PATH.tmp.PID, syncs, renames over `path` and syncs the folder: after a crash the old
 * content or the new stands there, never a part.  A device or a pipe is written to as it is.  SOFA_E_IO. */
enum sofa_code sofa_file_write_atomic(const char *path, const char *data, size_t size,
                                      struct sofa_err *err);

/* A file mapped for reading. */
struct sofa_map {
    const unsigned char *data; /* NULL for an empty file */
    size_t size;               /* bytes */
};
enum sofa_code sofa_map_open(const char *path, struct sofa_map *map, struct sofa_err *err);
void sofa_map_close(struct sofa_map *map);

bool sofa_file_exists(const char *path);
bool sofa_is_directory(const char *path);
/* Makes the folder and its parents; a folder that is there is fine. */
enum sofa_code sofa_make_directory(const char *path, struct sofa_err *err);

/* malloc'd; NULL when memory is exhausted. */
char *sofa_path_directory(const char *path);                     /* "a/b" -> "a", "b" -> "." */
char *sofa_path_join(const char *directory, const char *name);   /* an absolute name stays */
char *sofa_path_relative_to_file(const char *file, const char *name); /* name, seen from file's folder */
const char *sofa_path_base(const char *path);                    /* points into path */

/* Where the program's own `models` and `spaces` are: $SOFA_DSE_DATA, the source or build tree the
 * program was started from, else the installed folder.  malloc'd path of `name` there, or NULL
 * where no such file is. */
char *sofa_data_file(const char *name);

/* Names, without their ".yaml", of the YAML files in a folder there, sorted.  False, and none, where there is no such folder
 * or no memory. */
struct sofa_names {
    char **name; /* [n] */
    size_t n;
};
bool sofa_data_names(const char *folder, struct sofa_names *names);
void sofa_names_release(struct sofa_names *names);

/* Where what was costly to make is kept for the user: $SOFA_DSE_CACHE, else $XDG_CACHE_HOME/sofa-dse, else
 * ~/.cache/sofa-dse.  malloc'd; NULL where there is neither a setting nor a home, or no memory. */
char *sofa_cache_folder(void);

/* SHA-256 (FIPS 180-4) as 64 lower-case hexadecimal digits. */
#define SOFA_SHA256_TEXT 65
void sofa_sha256(const void *data, size_t size, char text[SOFA_SHA256_TEXT]);

#endif
