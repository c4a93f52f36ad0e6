// Finds runs of digits as long as a phone number. What crosses the boundary is in component.h, which
// the build makes of the contract and puts into target/bindings.
//
// The host snapshots the memory after `configure`, and every event gets a fresh copy of it: what is
// built there costs nothing later, nothing that `evaluate` keeps is seen again, and little is worth
// freeing. There is no operating system: no stdio, no clock, no files.

#include <stdlib.h>
#include <string.h>

#include "component.h"

#define DIGITS_MIN 7
#define DIGITS_MAX 15
#define SIGNALS_MAX 64

typedef picket_detector_types_signal_t signal_t;
typedef picket_detector_types_span_t span_t;
typedef picket_detector_types_entity_t entity_t;

void exports_picket_detector_detector_describe(component_string_t *ret) {
    component_string_dup(ret,
        "{\"schema\": 1, \"name\": \"digits-c\", \"version\": \"1.0.0\","
        " \"summary\": \"Finds runs of digits as long as a phone number.\","
        " \"labels\": [\"contact.phone\"], \"events\": [\"message.*\"],"
        " \"inputs\": [{\"kind\": \"field\", \"path\": \"data.content\"}]}");
}

// False and a message refuses the settings.
bool exports_picket_detector_detector_configure(component_string_t *settings, component_string_t *err) {
    if (settings->len == 2 && memcmp(settings->ptr, "{}", 2) == 0) return true;
    component_string_dup(err, "this detector has no settings");
    return false;
}

static bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

static bool is_separator(uint8_t byte) { return byte != 0 && strchr(" .()-", byte) != NULL; }

// The end of the run that begins with the digit at `at`: at most two separators before the next digit.
static size_t run_end(const component_string_t *text, size_t at) {
    size_t end = at + 1;
    for (;;) {
        size_t next = end;
        while (next < text->len && next < end + 2 && is_separator(text->ptr[next])) next++;
        if (next >= text->len || !is_digit(text->ptr[next])) return end;
        end = next + 1;
    }
}

// The digits of a run as a text of its own.
static size_t digits_of(const component_string_t *text, size_t start, size_t end, char *digits) {
    size_t count = 0;
    for (size_t at = start; at < end; at++) {
        if (!is_digit(text->ptr[at])) continue;
        if (count < DIGITS_MAX) digits[count] = (char)text->ptr[at];
        count++;
    }
    return count;
}

static signal_t found(size_t start, size_t end, const char *digits, size_t count) {
    signal_t signal = {.score = 0.8, .confidence = 0.6};
    component_string_dup(&signal.label, "contact.phone");
    component_string_dup(&signal.reason, "A run of digits as long as a phone number.");
    signal.spans.len = 1;
    signal.spans.ptr = malloc(sizeof(span_t));
    *signal.spans.ptr = (span_t){.input = 0, .item = 0, .start = start, .end = end};
    signal.entities.len = 1;
    signal.entities.ptr = malloc(sizeof(entity_t));
    component_string_dup(&signal.entities.ptr->kind, "phone");
    component_string_dup_n(&signal.entities.ptr->value, digits, count);
    return signal;
}

bool exports_picket_detector_detector_evaluate(
    exports_picket_detector_detector_event_t *event,
    exports_picket_detector_detector_list_signal_t *ret,
    component_string_t *err) {
    (void)err; // It never fails.
    ret->ptr = NULL;
    ret->len = 0;
    const picket_detector_types_value_t *content = &event->inputs.ptr[0];
    if (content->tag != PICKET_DETECTOR_TYPES_VALUE_TEXT) return true;
    const component_string_t *text = &content->val.text;
    ret->ptr = malloc(SIGNALS_MAX * sizeof(signal_t));
    size_t at = 0;
    while (at < text->len && ret->len < SIGNALS_MAX) {
        if (!is_digit(text->ptr[at])) {
            at++;
            continue;
        }
        char digits[DIGITS_MAX];
        size_t end = run_end(text, at), count = digits_of(text, at, end, digits);
        if (count >= DIGITS_MIN && count <= DIGITS_MAX) {
            ret->ptr[ret->len++] = found(at, end, digits, count);
        }
        at = end;
    }
    return true;
}
