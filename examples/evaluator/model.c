/*
 * An outside evaluator for sofa-dse, in C: a cache of so many bytes, ways and a replacement policy, as a formula.
 *
 *   cc -O2 -o model model.c -lcjson
 *
 * A question a line, an answer a line.  Quantities come in base units (bytes), names as strings.  The formula is made
 * up: it stands where a simulator would be called.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number(const cJSON *parameters, const char *name)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(parameters, name));
}

/* Fills the answer to a question. */
static void answer(const cJSON *parameters, cJSON *out)
{
    double bytes = number(parameters, "capacity"), ways = number(parameters, "ways"), line = number(parameters, "line");
    const char *policy = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(parameters, "policy"));
    int lru = policy && strcmp(policy, "lru") == 0;
    double sets = bytes / (ways * line), misses, nanojoules;
    cJSON *objectives, *metrics;

    if (sets < 1) {
        cJSON_AddStringToObject(out, "error", "fewer lines than ways");
        return;
    }
    misses = 0.2 * pow(bytes / 4096, -0.5) * (1 + 0.5 / ways) * (lru ? 1 : 1.15) * (1 + fabs(log2(line / 64)) / 4);
    nanojoules = 0.01 * pow(bytes / 4096, 0.6) * (1 + 0.15 * ways) + (lru ? 0.004 * ways : 0.001) + misses * line / 32;
    objectives = cJSON_AddObjectToObject(out, "objectives");
    cJSON_AddNumberToObject(objectives, "hit_rate", 1 - misses);
    cJSON_AddNumberToObject(objectives, "energy", nanojoules * 1e-9);
    metrics = cJSON_AddObjectToObject(out, "metrics");
    cJSON_AddNumberToObject(metrics, "area", 2e-5 * bytes * (1 + 0.02 * ways));
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, stdin) > 0) {
        cJSON *question = cJSON_Parse(line), *out = cJSON_CreateObject();
        char *text;

        cJSON_AddItemToObject(out, "id", cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(question, "id"), 0));
        answer(cJSON_GetObjectItemCaseSensitive(question, "parameters"), out);
        text = cJSON_PrintUnformatted(out);
        puts(text);
        fflush(stdout);
        cJSON_free(text);
        cJSON_Delete(out);
        cJSON_Delete(question);
    }
    free(line);
    return 0;
}
