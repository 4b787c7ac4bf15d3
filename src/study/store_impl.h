/* What the writing and the reading half of the store share; private to them. */
#ifndef SOFA_STUDY_STORE_IMPL_H
#define SOFA_STUDY_STORE_IMPL_H

#include <sqlite3.h>
#include <sys/stat.h>

#include "study/store.h"

enum statement {
    META_SET, META_GET, PUT_EVALUATION, PUT_PARAMETER, PUT_METRIC, PUT_SELECTION,
    EACH_EVALUATION, EACH_PARAMETER, EACH_METRIC, EACH_SELECTION, SAVE, KEEP, UNDO, STATEMENTS
};

struct sofa_store {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
    char *file;
    int lock;        /* file descriptor */
    dev_t device;    /* which file the database is: another, or none, may come to stand at its path */
    ino_t inode;
    size_t pending;  /* trials in the open transaction */
    double deadline; /* when it has to be committed */
};

/* "cannot VERB the study: what SQLite says" as SOFA_E_IO. */
enum sofa_code sofa_store_fail(struct sofa_store *store, const char *verb, struct sofa_err *err);

#endif
