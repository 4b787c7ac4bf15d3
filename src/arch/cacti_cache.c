#include "arch/cacti_run.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

#define PROGRAM_MOST ((size_t)256 << 20)
#define ENTRY_MOST 4096
#define TABLES_MOST 256

/* The entry's file; NULL where there is no place for it. */
static char *entry_path(const char *key)
{
    char *folder = sofa_cache_folder(), *path = folder ? sofa_format("%s/cacti-%s", folder, key) : NULL;

    free(folder);
    return path;
}

/* One line of version, one of figures; a third has the digest of both. */
static void write_entry(const struct sofa_cacti_answer *a, struct sofa_str *text)
{
    const double figures[] = {a->read_j, a->write_j, a->leakage_w, a->area_mm2};
    char digest[SOFA_SHA256_TEXT];

    sofa_str_addf(text, "%s\n", a->version);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        sofa_str_add_double(text, figures[i]);
        sofa_str_add(text, " ");
    }
    sofa_str_add(text, "\n");
    sofa_sha256(text->text, text->length, digest);
    sofa_str_addf(text, "%s\n", digest);
}

bool sofa_cacti_recall(const char key[SOFA_SHA256_TEXT], struct sofa_cacti_answer *answer)
{
    struct sofa_str again = SOFA_STR_INIT;
    char *path = entry_path(key), *text = NULL, *line;
    size_t size = 0, n;
    bool same = false;

    *answer = (struct sofa_cacti_answer){0};
    if (path && sofa_file_read(path, ENTRY_MOST, &text, &size, NULL) == SOFA_OK) {
        n = strcspn(text, "\n");
        line = text[n] ? text + n + 1 : text + n;
        if (n < sizeof answer->version) {
            memcpy(answer->version, text, n);
            if (sscanf(line, "%lf %lf %lf %lf", &answer->read_j, &answer->write_j, &answer->leakage_w, &answer->area_mm2) == 4)
                write_entry(answer, &again);
        }
        same = !again.failed && again.length == size && memcmp(again.text, text, size) == 0;
    }
    sofa_str_release(&again);
    free(text);
    free(path);
    return same;
}

void sofa_cacti_keep(const char key[SOFA_SHA256_TEXT], const struct sofa_cacti_answer *answer)
{
    struct sofa_str text = SOFA_STR_INIT;
    char *path = entry_path(key), *folder = path ? sofa_path_directory(path) : NULL;

    write_entry(answer, &text);
    if (folder && !sofa_is_directory(folder) && sofa_make_directory(folder, NULL) == SOFA_OK)
        (void)chmod(folder, 0700); /* what is loaded from there must be the user's alone */
    if (folder && !text.failed && sofa_is_directory(folder))
        (void)sofa_file_write_atomic(path, text.text, text.length, NULL);
    sofa_str_release(&text);
    free(folder);
    free(path);
}

static enum sofa_code add_file(const char *path, struct sofa_str *all, struct sofa_err *err)
{
    char *data = NULL, digest[SOFA_SHA256_TEXT];
    enum sofa_code rc;
    size_t size;

    SOFA_TRY(sofa_file_read(path, PROGRAM_MOST, &data, &size, err));
    sofa_sha256(data, size, digest);
    sofa_str_addf(all, "%s %s\n", sofa_path_base(path), digest);
out:
    free(data);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* CACTI 7 reads its technology from files, by name. */
static enum sofa_code add_tables(const char *folder, struct sofa_str *all, struct sofa_err *err)
{
    DIR *open_folder = opendir(folder);
    char *path[TABLES_MOST];
    enum sofa_code rc = SOFA_OK;
    struct dirent *entry;
    size_t n = 0;

    while (open_folder && n < TABLES_MOST && (entry = readdir(open_folder)))
        if (entry->d_name[0] != '.' && !(path[n++] = sofa_path_join(folder, entry->d_name)))
            rc = sofa_fail_nomem(err, folder);
    if (open_folder)
        closedir(open_folder);
    if (rc == SOFA_OK)
        qsort(path, n, sizeof *path, by_name);
    for (size_t i = 0; i < n; i++) {
        if (rc == SOFA_OK && !sofa_is_directory(path[i]))
            rc = add_file(path[i], all, err);
        free(path[i]);
    }
    return rc;
}

enum sofa_code sofa_cacti_digest(const char *program, char digest[SOFA_SHA256_TEXT], struct sofa_err *err)
{
    char *folder = sofa_path_directory(program), *tables = folder ? sofa_path_join(folder, "tech_params") : NULL;
    struct sofa_str all = SOFA_STR_INIT;
    enum sofa_code rc;

    if (!tables) {
        rc = sofa_fail_nomem(err, "a path");
        goto out;
    }
    SOFA_TRY(add_file(program, &all, err));
    SOFA_TRY(add_tables(tables, &all, err));
    if (all.failed)
        rc = sofa_fail_nomem(err, program);
    sofa_sha256(all.text, all.length, digest);
out:
    sofa_str_release(&all);
    free(folder);
    free(tables);
    return rc;
}
