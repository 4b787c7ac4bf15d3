/* A pattern as source code. */
#include "acsr/cuda.h"
#include "acsr/emit.h"
#include "acsr/kernel.h"
#include "base/file.h"
#include "cli/pattern.h"

static enum sofa_code emit_c(const struct sofa_pattern_source *source, size_t d, const char *isa, struct sofa_str *text,
                             struct sofa_err *err)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    const struct sofa_acsr_kernel *kernel;
    struct sofa_acsr_plan plan;
    enum sofa_code rc;

    SOFA_TRY(sofa_acsr_kernel_find(isa, &kernel, err));
    SOFA_TRY(sofa_acsr_plan_build(&source->pattern, SOFA_ACSR_ALL, &arena, &plan, err));
    SOFA_TRY(sofa_acsr_emit_c(&plan, d, sofa_acsr_kernel_name(kernel), text, err));
out:
    sofa_arena_release(&arena);
    return rc;
}

static enum sofa_code emit_cuda(const struct sofa_pattern_source *source, size_t d, const char *isa, struct sofa_str *text,
                                struct sofa_err *err)
{
    (void)isa;
    return sofa_acsr_cuda(&source->pattern, d, source->spec, text, err);
}

/* By name, and in the same order how. */
const char *const sofa_pattern_emitters[] = {"c", "cuda", NULL};
static enum sofa_code (*const emitters[])(const struct sofa_pattern_source *source, size_t d, const char *isa,
                                          struct sofa_str *text, struct sofa_err *err) = {emit_c, emit_cuda};

enum sofa_code sofa_pattern_emit(const struct sofa_pattern_source *source, int language, size_t d, const char *isa,
                                 const char *path, struct sofa_err *err)
{
    struct sofa_str text = SOFA_STR_INIT;
    enum sofa_code rc;

    SOFA_TRY(emitters[language](source, d, isa, &text, err));
    SOFA_TRY(sofa_file_write_atomic(path, text.text, text.length, err));
out:
    sofa_str_release(&text);
    return rc;
}
