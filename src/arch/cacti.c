#include "arch/cacti.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/cacti_run.h"
#include "base/file.h"
#include "base/run.h"

#define TIMEOUT_S 120.0 /* a run of 16 MiB takes 5 s */
#define USAGE_S 10.0
#define OUTPUT_FILE_MOST ((size_t)1 << 20)
#define DEFAULT_ACCESS 16.0 /* bytes: the bus of the built-in table's CACTI point */
#define NODE_LEAST 22.0     /* nm, what CACTI 7 has tables for */
#define NODE_MOST 90.0

const char *const sofa_cacti_cells[] = {"itrs-hp", "itrs-lop", "itrs-lstp", NULL};

/* CACTI's own sample of a cache (cache.cfg of 7.0), made a scratchpad of one port: high-performance cells at
 * 360 K, error correction included.  With a 128-bit bus and 64 KiB at 28 nm it gives the point that the
 * built-in table stands on: 12.83 and 14.56 pJ, 34.5 mW, 0.1009 mm2.  What follows -dram_type CACTI 7 needs though no
 * DRAM is asked for. */
static const char fixed_lines[] =
    "-Array Power Gating - \"false\"\n-WL Power Gating - \"false\"\n-CL Power Gating - \"false\"\n"
    "-Bitline floating - \"false\"\n-Interconnect Power Gating - \"false\"\n-Power Gating Performance Loss 0.01\n"
    "-associativity 1\n-read-write port 1\n-exclusive read port 0\n-exclusive write port 0\n"
    "-single ended read ports 0\n-UCA bank count 1\n-page size (bits) 8192\n-burst length 8\n"
    "-internal prefetch width 8\n-operating temperature (K) 360\n-cache type \"ram\"\n-tag size (b) \"default\"\n"
    "-access mode (normal, sequential, fast) - \"normal\"\n"
    "-design objective (weight delay, dynamic power, leakage power, cycle time, area) 0:0:0:100:0\n"
    "-deviate (delay, dynamic power, leakage power, cycle time, area) 20:100000:100000:100000:100000\n"
    "-NUCAdesign objective (weight delay, dynamic power, leakage power, cycle time, area) 100:100:0:0:100\n"
    "-NUCAdeviate (delay, dynamic power, leakage power, cycle time, area) 10:10000:10000:10000:10000\n"
    "-Optimize ED or ED^2 (ED, ED^2, NONE): \"ED^2\"\n-Cache model (NUCA, UCA)  - \"UCA\"\n-NUCA bank count 0\n"
    "-Wire signaling (fullswing, lowswing, default) - \"Global_30\"\n-Wire inside mat - \"semi-global\"\n"
    "-Wire outside mat - \"semi-global\"\n-Interconnect projection - \"conservative\"\n-Core count 1\n"
    "-Cache level (L2/L3) - \"L2\"\n-Add ECC - \"true\"\n-Print level (DETAILED, CONCISE) - \"CONCISE\"\n"
    "-Print input parameters - \"false\"\n-Force cache config - \"false\"\n-Ndwl 1\n-Ndbl 1\n-Nspd 0\n-Ndcm 1\n"
    "-Ndsam1 0\n-Ndsam2 0\n-dram_type \"DDR3\"\n-io state \"WRITE\"\n-addr_timing 1.0\n-mem_density 4 Gb\n"
    "-bus_freq 800 MHz\n-duty_cycle 1.0\n-activity_dq 1.0\n-activity_ca 0.5\n-num_dq 72\n-num_dqs 18\n-num_ca 25\n"
    "-num_clk 2\n-num_mem_dq 2\n-mem_data_width 8\n-rtt_value 10000\n-ron_value 34\n-tflight_value\n-num_bobs 1\n"
    "-capacity 80\n-num_channels_per_bob 1\n-first metric \"Cost\"\n-second metric \"Bandwidth\"\n"
    "-third metric \"Energy\"\n-DIMM model \"ALL\"\n-mirror_in_bob \"F\"\n";

static void write_configuration(double capacity, double access_bytes, double node_nm, const char *cells, struct sofa_str *out)
{
    static const char *const kinds[] = {"Data array cell", "Data array peripheral", "Tag array cell", "Tag array peripheral"};

    sofa_str_addf(out, "-size (bytes) %.0f\n-block size (bytes) %.0f\n-output/input bus width %.0f\n-technology (u) %.4f\n",
                  capacity, access_bytes, 8 * access_bytes, node_nm / 1000);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        sofa_str_addf(out, "-%s type - \"%s\"\n", kinds[i], cells);
    sofa_str_add(out, fixed_lines);
}

/* The field under a heading in rows of comma-separated text, of which the second may be followed by more. */
static bool read_field(const char *heads, const char *fields, const char *name, double *value)
{
    for (; *heads && *heads != '\n'; heads += strcspn(heads, ",\n"), fields += strcspn(fields, ",\n")) {
        size_t n;

        heads += *heads == ',';
        fields += *fields == ',';
        heads += strspn(heads, " \t");
        n = strlen(name);
        if (strncmp(heads, name, n) == 0 && strchr(",\n", heads[n])) {
            char *end;

            *value = strtod(fields, &end);
            return end > fields && isfinite(*value);
        }
        if (!*fields || *fields == '\n')
            return false;
    }
    return false;
}

/* CACTI's row of figures for this capacity. */
static enum sofa_code read_row(const char *text, double capacity, const char *program, struct sofa_cacti_answer *a,
                               struct sofa_err *err)
{
    const char *row = strchr(text, '\n');
    double asked, read_nj, write_nj, leakage_mw, area;

    if (!row || !read_field(text, row + 1, "Capacity (bytes)", &asked) ||
        !read_field(text, row + 1, "Dynamic read energy (nJ)", &read_nj) ||
        !read_field(text, row + 1, "Dynamic write energy (nJ)", &write_nj) ||
        !read_field(text, row + 1, "Standby leakage per bank(mW)", &leakage_mw) ||
        !read_field(text, row + 1, "Area (mm2)", &area))
        return sofa_fail(err, SOFA_E_EVAL, "%s: its row of results for %.0f bytes can't be read", program, capacity);
    if (asked != round(capacity) || !(read_nj > 0) || !(write_nj > 0) || !(leakage_mw >= 0) || !(area > 0))
        return sofa_fail(err, SOFA_E_EVAL, "%s: its results for %.0f bytes are impossible", program, capacity);
    a->read_j = read_nj * 1e-9;
    a->write_j = write_nj * 1e-9;
    a->leakage_w = leakage_mw * 1e-3;
    a->area_mm2 = area;
    return SOFA_OK;
}

/* "CACTI (version 7.0.3DD Prerelease of Aug, 2012)" */
static bool read_version(const char *output, char version[SOFA_CACTI_VERSION_MAX])
{
    static const char mark[] = "CACTI (version ";
    const char *at = strstr(output, mark), *end = at ? strpbrk(at, ")\n") : NULL;

    if (!end || *end != ')' || end - at - (long)strlen(mark) >= SOFA_CACTI_VERSION_MAX)
        return false;
    snprintf(version, SOFA_CACTI_VERSION_MAX, "%.*s", (int)(end - at - (long)strlen(mark)), at + strlen(mark));
    return true;
}

/* What it said last, for messages. */
static const char *last_line(struct sofa_str *text)
{
    char *at;

    while (text->length && strchr(" \n\r\t", text->text[text->length - 1]))
        text->text[--text->length] = '\0';
    at = strrchr(text->text, '\n');
    return at ? at + 1 : text->text;
}

static enum sofa_code check_identity(const char *program, struct sofa_err *err)
{
    char *argv[] = {(char *)program, NULL};
    struct sofa_str said = SOFA_STR_INIT;
    enum sofa_code rc;
    int status = 0;

    rc = sofa_run(argv, "/", USAGE_S, &said, &status, err);
    if (rc == SOFA_E_EVAL || (rc == SOFA_OK && !strstr(said.text, "how to use CACTI")))
        rc = sofa_fail(err, SOFA_E_INPUT, "%s isn't CACTI, the memory model (other programs have that name): run "
                       "without arguments it doesn't say how to use CACTI", program);
    sofa_str_release(&said);
    return rc;
}

/* A folder to run in, with the configuration and the tables that CACTI 7 looks for where it is run. */
static enum sofa_code make_folder(const char *program, const char *configuration, char *folder, struct sofa_err *err)
{
    char *beside = sofa_path_directory(program), *tables = beside ? sofa_path_join(beside, "tech_params") : NULL;
    char *path = NULL, *link = NULL;
    enum sofa_code rc;

    if (!tables) {
        rc = sofa_fail_nomem(err, "a path");
    } else if (!mkdtemp(folder)) {
        rc = sofa_fail_errno(err, "make", folder);
        *folder = '\0';
    } else if (!(path = sofa_path_join(folder, "in.cfg")) || !(link = sofa_path_join(folder, "tech_params"))) {
        rc = sofa_fail_nomem(err, "a path");
    } else if (sofa_is_directory(tables) && symlink(tables, link) != 0) {
        rc = sofa_fail_errno(err, "make", link);
    } else {
        rc = sofa_file_write_atomic(path, configuration, strlen(configuration), err);
    }
    free(beside);
    free(tables);
    free(path);
    free(link);
    return rc;
}

static void remove_folder(const char *folder)
{
    static const char *const names[] = {"in.cfg", "in.cfg.out", "tech_params"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = sofa_path_join(folder, names[i]);

        if (path)
            (void)unlink(path);
        free(path);
    }
    (void)rmdir(folder);
}

static enum sofa_code run(const char *program, const char *configuration, double capacity, struct sofa_cacti_answer *answer,
                          struct sofa_err *err)
{
    const char *temporary = getenv("TMPDIR");
    char *folder = sofa_format("%s/sofa-cacti-XXXXXX", temporary && *temporary ? temporary : "/tmp"), *path = NULL, *row = NULL;
    char *argv[] = {(char *)program, (char *)"-infile", (char *)"in.cfg", NULL};
    struct sofa_str said = SOFA_STR_INIT;
    enum sofa_code rc;
    int status = 0;
    size_t size;

    if (!folder)
        return sofa_fail_nomem(err, "a path");
    SOFA_TRY(make_folder(program, configuration, folder, err));
    SOFA_TRY(sofa_run(argv, folder, TIMEOUT_S, &said, &status, err));
    path = sofa_path_join(folder, "in.cfg.out");
    if (status != 0 || !path || sofa_file_read(path, OUTPUT_FILE_MOST, &row, &size, NULL) != SOFA_OK)
        rc = sofa_fail(err, SOFA_E_EVAL, "%s gave no result for %.0f bytes (status %d): %.200s", program, capacity, status,
                       last_line(&said));
    else if (!read_version(said.text, answer->version))
        rc = sofa_fail(err, SOFA_E_EVAL, "%s doesn't say which version of CACTI it is", program);
    else
        rc = read_row(row, capacity, program, answer, err);
out:
    if (*folder)
        remove_folder(folder);
    sofa_str_release(&said);
    free(folder);
    free(path);
    free(row);
    return rc;
}

/* Where the program is, with no link left in the path: its tables are beside it. */
static enum sofa_code find_program(const char *name, char **path, struct sofa_err *err)
{
    const char *at = name ? NULL : getenv("PATH");

    *path = name && access(name, X_OK) == 0 && !sofa_is_directory(name) ? realpath(name, NULL) : NULL;
    for (; at && *at && !*path; at += strcspn(at, ":"), at += *at == ':') {
        char *candidate = sofa_format("%.*s/cacti", (int)strcspn(at, ":"), at);

        if (candidate && candidate[0] == '/' && access(candidate, X_OK) == 0 && !sofa_is_directory(candidate))
            *path = realpath(candidate, NULL);
        free(candidate);
    }
    if (*path)
        return SOFA_OK;
    if (name)
        return sofa_fail(err, SOFA_E_INPUT, "there is no program %s to run as CACTI", name);
    return sofa_fail(err, SOFA_E_INPUT, "there is no 'cacti' on PATH; name it with 'cacti: FILE', or take 'sram: table'");
}

/* Asks the cache, else CACTI.  *checked: its identity is known. */
static enum sofa_code ask(const char *program, const char *digest, const char *configuration, double capacity, bool *checked,
                          struct sofa_cacti_answer *answer, struct sofa_err *err)
{
    char key[SOFA_SHA256_TEXT], *all = sofa_format("1 %s\n%s", digest, configuration);
    enum sofa_code rc = SOFA_OK;

    if (!all)
        return sofa_fail_nomem(err, "a configuration");
    sofa_sha256(all, strlen(all), key);
    free(all);
    if (sofa_cacti_recall(key, answer))
        return SOFA_OK;
    if (!*checked)
        SOFA_TRY(check_identity(program, err));
    *checked = true;
    SOFA_TRY(run(program, configuration, capacity, answer, err));
    sofa_cacti_keep(key, answer);
out:
    return rc;
}

enum sofa_code sofa_cacti_apply(struct sofa_hardware *hw, const struct sofa_cacti *cacti, const double *capacity, size_t n,
                                struct sofa_err *err)
{
    double node = fmin(NODE_MOST, fmax(NODE_LEAST, hw->node_nm)), s = hw->node_nm / node;
    double bytes = cacti->access_bytes > 0 ? cacti->access_bytes : DEFAULT_ACCESS;
    const char *cells = sofa_cacti_cells[cacti->cells];
    struct sofa_cacti_answer a = {0};
    char *program = NULL, digest[SOFA_SHA256_TEXT];
    bool checked = false;
    enum sofa_code rc;

    SOFA_TRY(find_program(cacti->program, &program, err));
    SOFA_TRY(sofa_cacti_digest(program, digest, err));
    for (size_t i = 0; i < n; i++) {
        struct sofa_str configuration = SOFA_STR_INIT;

        write_configuration(capacity[i], bytes, node, cells, &configuration);
        rc = configuration.failed ? sofa_fail_nomem(err, "a configuration")
                                  : ask(program, digest, configuration.text, capacity[i], &checked, &a, err);
        sofa_str_release(&configuration);
        if (rc != SOFA_OK)
            goto out;
        hw->sram.point[i] = (struct sofa_sram_point){.capacity_bytes = capacity[i], .read_j_per_byte = a.read_j * s / bytes,
                                                     .write_j_per_byte = a.write_j * s / bytes, .area_mm2 = a.area_mm2 * s * s,
                                                     .leakage_w = a.leakage_w * s * s};
    }
    free(hw->sram_text);
    hw->sram_text = sofa_format("CACTI %s (program and tables %.16s): %s cells, %g nm%s, bus of %g bytes", a.version, digest,
                                cells, node, s == 1 ? "" : ", scaled to the hardware's", bytes);
    if (!hw->sram_text)
        rc = sofa_fail_nomem(err, "a source");
    hw->sram.points = n;
    hw->sram.energy_scale = 1;
    hw->sram.source = hw->sram.area_source = hw->sram.leakage_source = hw->sram_text;
    hw->sram.point[0].source = "each capacity as CACTI gives it, between them on lines";
    hw->sram.scale_source = "CACTI's energies as they are";
out:
    free(program);
    return rc;
}
