// A detector in C with neither a C library nor generated bindings: the canonical ABI of
// picket:detector@1.0.0 as any language's compiler has to speak it. It finds runs of seven digits or
// more, and logs a line of each level.

typedef unsigned char u8;
typedef unsigned int u32;
typedef long long s64;

typedef struct { const u8 *at; u32 length; } text;
typedef struct { u32 input, item, start, end; } span;
typedef struct { text kind, value; } entity;
typedef struct {
    text label;
    double score, confidence;
    text reason;
    span *spans; u32 span_count;
    entity *entities; u32 entity_count;
} signal;

// `value`: its case in one byte, and what it carries from the eighth on.
typedef struct {
    u8 kind;
    union { u8 boolean; s64 integer; double number; text text; } as;
} value;
enum { VALUE_TEXT = 4 };

// `result<_, string>` and `result<list<signal>, string>`: 0 is ok, 1 is an error.
typedef struct { u8 failed; text error; } configured;
typedef struct { u8 failed; union { text error; struct { signal *at; u32 count; } signals; } as; } evaluated;

_Static_assert(sizeof(signal) == 48 && sizeof(value) == 16 && sizeof(evaluated) == 12, "the ABI");

#define TEXT(literal) ((text){(const u8 *)(literal), sizeof(literal) - 1})
#define EXPORT(name) __attribute__((export_name(name)))

__attribute__((import_module("picket:detector/log@1.0.0"), import_name("write")))
void log_write(u32 level, const u8 *message, u32 length);

// What the host writes into this memory: one event, and then the instance is gone.
static _Alignas(16) u8 heap[256 * 1024];
static u32 used;

EXPORT("cabi_realloc")
void *cabi_realloc(void *old, u32 old_size, u32 align, u32 size) {
    u32 at = (used + align - 1) & ~(align - 1);
    if (at + size > sizeof heap) __builtin_trap();
    used = at + size;
    for (u32 i = 0; i < old_size && i < size; i++) heap[at + i] = ((u8 *)old)[i];
    return heap + at;
}

EXPORT("picket:detector/detector@1.0.0#describe")
const text *describe(void) {
    static text manifest;
    manifest = TEXT(
        "{\"schema\":1,\"name\":\"witness-c\",\"version\":\"1.0.0\",\"summary\":\"Finds runs of digits.\","
        "\"labels\":[\"safety.digits\"],\"events\":[\"message.*\"],"
        "\"inputs\":[{\"kind\":\"field\",\"path\":\"data.content\"}],\"budget\":{\"deadline_ms\":5}}");
    return &manifest;
}

EXPORT("picket:detector/detector@1.0.0#configure")
const configured *configure(const u8 *settings, u32 length) {
    (void)settings;
    static configured answer;
    // The settings of this detector are `{}`: it has none.
    if (length != 2) answer = (configured){1, TEXT("there is nothing to set")};
    return &answer;
}

enum { SIGNALS_MAX = 8 };

static _Bool is_digit(u8 byte) { return byte >= '0' && byte <= '9'; }

// Records are passed flat, so each text of the event is two parameters.
EXPORT("picket:detector/detector@1.0.0#evaluate")
const evaluated *evaluate(const u8 *id, u32 id_length, const u8 *type, u32 type_length, s64 time_ms,
                          const value *inputs, u32 count) {
    static evaluated answer;
    static signal signals[SIGNALS_MAX];
    static span spans[SIGNALS_MAX];
    static entity entities[SIGNALS_MAX];
    for (u32 level = 0; level < 4; level++) log_write(level, id, id_length);
    if (count != 1 || type_length == 0 || time_ms < 0) {
        answer.failed = 1;
        answer.as.error = TEXT("that is no event of this interface");
        return &answer;
    }
    u32 found = 0;
    if (inputs[0].kind == VALUE_TEXT) {
        text content = inputs[0].as.text;
        for (u32 start = 0; start < content.length && found < SIGNALS_MAX; start++) {
            u32 end = start;
            while (end < content.length && is_digit(content.at[end])) end++;
            if (end - start >= 7) {
                spans[found] = (span){0, 0, start, end};
                entities[found] = (entity){TEXT("digits"), {content.at + start, end - start}};
                signals[found] = (signal){
                    .label = TEXT("safety.digits"), .score = (end - start > 16 ? 16 : end - start) / 16.0, .confidence = 0.7,
                    .reason = {type, type_length}, .spans = &spans[found], .span_count = 1,
                    .entities = &entities[found], .entity_count = 1,
                };
                found++;
            }
            start = end;
        }
    }
    answer.as.signals.at = signals;
    answer.as.signals.count = found;
    return &answer;
}
