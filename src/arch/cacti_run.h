/*
 * One run of CACTI, and those that were kept (arch/cacti.c, arch/cacti_cache.c).
 */
#ifndef SOFA_ARCH_CACTI_RUN_H
#define SOFA_ARCH_CACTI_RUN_H

#include "base/file.h"

#define SOFA_CACTI_VERSION_MAX 64
struct sofa_cacti_answer {
    double read_j, write_j; /* an access */
    double leakage_w, area_mm2;
    char version[SOFA_CACTI_VERSION_MAX]; /* as its output says, "7.0.3DD Prerelease of Aug, 2012" */
};

/* False where nothing is kept under this key, or what is there is damaged. */
bool sofa_cacti_recall(const char key[SOFA_SHA256_TEXT], struct sofa_cacti_answer *answer);
/* Keeps an answer; where that fails nothing is lost but time. */
void sofa_cacti_keep(const char key[SOFA_SHA256_TEXT], const struct sofa_cacti_answer *answer);
/* What the program's figures depend on beside its input: a digest of its bytes and of the tables beside it. */
enum sofa_code sofa_cacti_digest(const char *program, char digest[SOFA_SHA256_TEXT], struct sofa_err *err);

#endif
