/* SPDX-License-Identifier: BSD-3-Clause */
/* A waveform, any bytes, read by VGPIO_WAVE_PARSE. Asserted: memory stays inside its
 * bounds (ASan); an error has a place inside the file and says what was expected; times
 * never go back, and changes are of signals that there are. */
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/wiring.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct lex_error err;
    struct vcd_file f;
    uint64_t us = 0;
    unsigned lines = 1;
    uint32_t i;

    check(text != NULL);
    memcpy(text, data, size);
    if (VGPIO_WAVE_PARSE(&f, text, size, &err) == 0) {
        for (i = 0; i < f.nchanges; i++) {
            const struct vcd_change *c = &f.changes[i];

            check(c->us >= us && c->us <= f.end_us && c->signal < f.nsignals &&
                  c->level <= VGPIO_FLOATING);
            us = c->us;
        }
        check(f.end_us <= LEX_TIME_MAX_US);
        for (i = 0; i < f.nsignals; i++) {
            check(f.signals[i].name[0] != '\0' || f.signals[i].code == NULL ||
                  vcd_find(&f, "") >= 0);
        }
    } else {
        for (i = 0; i < size; i++) {
            lines += data[i] == '\n';
        }
        check(err.line >= 1 && err.line <= lines && err.col >= 1 && err.col <= size + 2);
        check(strstr(err.text, "expected ") != NULL);
    }
    vcd_free(&f);
    return 0;
}
