/* A pattern as source code. */
#include "acsr/cuda.h"
#include "base/file.h"
#include "cli/pattern.h"

/* By name, and in the same order how. */
const char *const sofa_pattern_emitters[] = {"cuda", NULL};
static enum sofa_code (*const emitters[])(const struct sofa_pattern *pattern, size_t d, const char *name, struct sofa_str *out,
                                          struct sofa_err *err) = {sofa_acsr_cuda};

enum sofa_code sofa_pattern_emit(const struct sofa_pattern_source *source, int language, size_t d, const char *path, struct sofa_err *err)
{
    struct sofa_str text = SOFA_STR_INIT;
    enum sofa_code rc;

    SOFA_TRY(emitters[language](&source->pattern, d, source->spec, &text, err));
    SOFA_TRY(sofa_file_write_atomic(path, text.text, text.length, err));
out:
    sofa_str_release(&text);
    return rc;
}
