#include "weights/pickle.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

typedef enum {
    V_MARK,
    V_NONE,
    V_BOOL,
    V_INT,
    V_FLOAT,
    V_STRING,
    V_TUPLE,
    V_LIST,
    V_DICT,
    V_GLOBAL,
    V_STORAGE,
    V_TENSOR
} value_kind;

/* What may be named: functions and types that make tensors. */
typedef enum { G_ORDERED_DICT, G_TENSOR, G_PARAMETER, G_STORAGE, G_SIZE, G_OTHER } global;

typedef struct {
    value_kind kind;
    union {
        int64_t number;
        struct {
            uint32_t start, length; /* of a string, in the pickle */
        };
        struct {
            uint32_t first, last, count; /* cells of a container; a dictionary's are keys and values in turn */
        };
        struct {
            global global;
            clip_dtype dtype;
            uint32_t element;
        };
        struct { /* storage */
            clip_dtype of;
            uint32_t bytes, key_start, key_length;
            uint64_t numbers;
        };
        struct { /* tensor */
            uint32_t storage, shape, stride;
            uint64_t offset;
        };
    };
} value;

typedef struct {
    uint32_t value, next;
} cell;

typedef struct {
    const uint8_t *bytes;
    size_t length, at;
    value *values;
    cell *cells;
    uint32_t *stack, *memo;
    uint32_t value_count, value_room, cell_count, cell_room, stack_count, stack_room, memo_count, memo_room;
    clip_status status;
    size_t refused, refused_length;
} machine;

static int fail(machine *m, clip_status status) {
    if (m->status == CLIP_OK) m->status = status;
    return 0;
}

/* Room for one more; arrays double, and none grows beyond what the pickle's length accounts for. */
static int grow(machine *m, void **array, uint32_t count, uint32_t *room, size_t size) {
    if (count < *room) return 1;
    uint32_t more = *room ? 2 * *room : 1024;
    void *larger = more > (1u << 26) ? NULL : realloc(*array, more * size);
    if (!larger) return fail(m, CLIP_ERROR_MEMORY);
    *array = larger;
    *room = more;
    return 1;
}

static uint32_t make(machine *m, value v) {
    if (!grow(m, (void **)&m->values, m->value_count, &m->value_room, sizeof v)) return NONE;
    m->values[m->value_count] = v;
    return m->value_count++;
}

static int push(machine *m, uint32_t v) {
    if (v == NONE || !grow(m, (void **)&m->stack, m->stack_count, &m->stack_room, sizeof v)) return 0;
    m->stack[m->stack_count++] = v;
    return 1;
}

static int push_new(machine *m, value v) { return push(m, make(m, v)); }

static uint32_t pop(machine *m) {
    if (!m->stack_count || m->values[m->stack[m->stack_count - 1]].kind == V_MARK) return fail(m, CLIP_ERROR_FORMAT), NONE;
    return m->stack[--m->stack_count];
}

static uint32_t top(machine *m) {
    if (!m->stack_count) return fail(m, CLIP_ERROR_FORMAT), NONE;
    return m->stack[m->stack_count - 1];
}

/* Appends to a container. */
static int append(machine *m, uint32_t container, uint32_t v) {
    if (container == NONE || v == NONE || !grow(m, (void **)&m->cells, m->cell_count, &m->cell_room, sizeof(cell))) return 0;
    uint32_t made = m->cell_count++;
    m->cells[made] = (cell){v, NONE};
    value *c = &m->values[container];
    if (c->count++) m->cells[c->last].next = made;
    else c->first = made;
    c->last = made;
    return 1;
}

/* Where the uppermost mark is; its place is given up. */
static uint32_t mark(machine *m) {
    for (uint32_t i = m->stack_count; i-- > 0;)
        if (m->values[m->stack[i]].kind == V_MARK) return i;
    return fail(m, CLIP_ERROR_FORMAT), NONE;
}

static int is(const machine *m, uint32_t v, value_kind kind) { return v != NONE && m->values[v].kind == kind; }

/* The container's i-th, or NONE. */
static uint32_t item(const machine *m, uint32_t container, uint32_t i) {
    if (container == NONE) return NONE;
    const value *c = &m->values[container];
    if (c->kind != V_TUPLE && c->kind != V_LIST) return NONE;
    if (i >= c->count) return NONE;
    uint32_t at = c->first;
    while (i--) at = m->cells[at].next;
    return m->cells[at].value;
}

/* ---- reading ---- */

static int take(machine *m, size_t count, size_t *start) {
    if (count > m->length - m->at) return fail(m, CLIP_ERROR_FORMAT);
    *start = m->at;
    m->at += count;
    return 1;
}

static int little(machine *m, unsigned bytes, uint64_t *number) {
    size_t start;
    if (!take(m, bytes, &start)) return 0;
    *number = 0;
    for (unsigned i = bytes; i-- > 0;) *number = *number << 8 | m->bytes[start + i];
    return 1;
}

/* A number of `bytes` bytes with its sign. */
static int push_signed(machine *m, unsigned bytes) {
    uint64_t number;
    if (!little(m, bytes, &number)) return 0;
    if (bytes && bytes < 8 && number >> (8 * bytes - 1)) number |= UINT64_MAX << 8 * bytes;
    return push_new(m, (value){.kind = V_INT, .number = (int64_t)number});
}

static int push_string(machine *m, unsigned size_bytes) {
    uint64_t length;
    size_t start;
    if (!little(m, size_bytes, &length)) return 0;
    if (length > m->length || !take(m, (size_t)length, &start)) return fail(m, CLIP_ERROR_FORMAT);
    return push_new(m, (value){.kind = V_STRING, .start = (uint32_t)start, .length = (uint32_t)length});
}

static int same(const machine *m, size_t start, size_t length, const char *word) {
    return length == strlen(word) && memcmp(m->bytes + start, word, length) == 0;
}

/* What a module's name stands for. */
static int push_global(machine *m, size_t module, size_t module_length, size_t name, size_t name_length) {
    static const struct {
        const char *name;
        clip_dtype dtype;
        uint32_t element;
    } STORAGES[] = {
        {"FloatStorage", CLIP_DTYPE_F32, 4},    {"HalfStorage", CLIP_DTYPE_F16, 2},   {"BFloat16Storage", CLIP_DTYPE_BF16, 2},
        {"DoubleStorage", CLIP_DTYPE_OTHER, 8}, {"LongStorage", CLIP_DTYPE_OTHER, 8}, {"IntStorage", CLIP_DTYPE_OTHER, 4},
        {"ShortStorage", CLIP_DTYPE_OTHER, 2},  {"CharStorage", CLIP_DTYPE_I8, 1},    {"ByteStorage", CLIP_DTYPE_U8, 1},
        {"BoolStorage", CLIP_DTYPE_OTHER, 1},
    };
    value v = {.kind = V_GLOBAL};
    if (same(m, module, module_length, "torch")) {
        for (size_t i = 0; i < sizeof STORAGES / sizeof *STORAGES; i++)
            if (same(m, name, name_length, STORAGES[i].name)) {
                v.global = G_STORAGE;
                v.dtype = STORAGES[i].dtype;
                v.element = STORAGES[i].element;
                return push_new(m, v);
            }
        v.global = G_SIZE;
        if (same(m, name, name_length, "Size")) return push_new(m, v);
    }
    static const char *const KNOWN[][2] = {[G_ORDERED_DICT] = {"collections", "OrderedDict"},
                                           [G_TENSOR] = {"torch._utils", "_rebuild_tensor_v2"},
                                           [G_PARAMETER] = {"torch._utils", "_rebuild_parameter"}};
    for (int i = 0; i < 3; i++)
        if (same(m, module, module_length, KNOWN[i][0]) && same(m, name, name_length, KNOWN[i][1])) {
            v.global = (global)i;
            return push_new(m, v);
        }
    m->refused = module;
    m->refused_length = name + name_length - module; /* the two stand next to each other, or nearly so */
    if (m->refused_length > 160 || name < module) m->refused = name, m->refused_length = name_length;
    return fail(m, CLIP_ERROR_UNKNOWN);
}

static int line(machine *m, size_t *start, size_t *length) {
    const uint8_t *end = memchr(m->bytes + m->at, '\n', m->length - m->at);
    if (!end) return fail(m, CLIP_ERROR_FORMAT);
    *start = m->at;
    *length = (size_t)(end - m->bytes) - m->at;
    m->at = *start + *length + 1;
    return 1;
}

/* ---- calls ---- */

/* ("storage", type, key, device, numbers) */
static int persistent(machine *m) {
    uint32_t id = pop(m), word = item(m, id, 0), type = item(m, id, 1), key = item(m, id, 2), numbers = item(m, id, 4);
    if (!is(m, word, V_STRING) || !same(m, m->values[word].start, m->values[word].length, "storage") || !is(m, type, V_GLOBAL) ||
        m->values[type].global != G_STORAGE || !is(m, key, V_STRING) || !is(m, numbers, V_INT) || m->values[numbers].number < 0)
        return fail(m, CLIP_ERROR_FORMAT);
    value v = {.kind = V_STORAGE};
    v.of = m->values[type].dtype;
    v.bytes = m->values[type].element;
    v.key_start = m->values[key].start;
    v.key_length = m->values[key].length;
    v.numbers = (uint64_t)m->values[numbers].number;
    return push_new(m, v);
}

static int call(machine *m) {
    uint32_t arguments = pop(m), function = pop(m);
    if (!is(m, function, V_GLOBAL) || !is(m, arguments, V_TUPLE)) return fail(m, CLIP_ERROR_FORMAT);
    switch (m->values[function].global) {
    case G_ORDERED_DICT:
        if (m->values[arguments].count) return fail(m, CLIP_ERROR_FORMAT);
        return push_new(m, (value){.kind = V_DICT});
    case G_SIZE: return push(m, item(m, arguments, 0)) || fail(m, CLIP_ERROR_FORMAT);
    case G_PARAMETER: return is(m, item(m, arguments, 0), V_TENSOR) ? push(m, item(m, arguments, 0)) : fail(m, CLIP_ERROR_FORMAT);
    case G_TENSOR: {
        uint32_t storage = item(m, arguments, 0), offset = item(m, arguments, 1), shape = item(m, arguments, 2),
                 stride = item(m, arguments, 3);
        if (!is(m, storage, V_STORAGE) || !is(m, offset, V_INT) || m->values[offset].number < 0 || !is(m, shape, V_TUPLE) ||
            !is(m, stride, V_TUPLE))
            return fail(m, CLIP_ERROR_FORMAT);
        value v = {.kind = V_TENSOR};
        v.storage = storage;
        v.shape = shape;
        v.stride = stride;
        v.offset = (uint64_t)m->values[offset].number;
        return push_new(m, v);
    }
    default: return fail(m, CLIP_ERROR_FORMAT);
    }
}

static int tuple(machine *m, uint32_t from) {
    uint32_t made = make(m, (value){.kind = V_TUPLE});
    for (uint32_t i = from; made != NONE && i < m->stack_count; i++) {
        if (m->values[m->stack[i]].kind == V_MARK) return fail(m, CLIP_ERROR_FORMAT);
        if (!append(m, made, m->stack[i])) return 0;
    }
    m->stack_count = from;
    return push(m, made);
}

static int tuple_of(machine *m, uint32_t count) {
    if (m->stack_count < count) return fail(m, CLIP_ERROR_FORMAT);
    return tuple(m, m->stack_count - count);
}

/* What is above the mark, to the container below it. */
static int extend(machine *m, value_kind kind) {
    uint32_t at = mark(m);
    if (at == NONE || at == 0) return fail(m, CLIP_ERROR_FORMAT);
    uint32_t container = m->stack[at - 1], count = m->stack_count - at - 1;
    if (!is(m, container, kind) || (kind == V_DICT && count % 2)) return fail(m, CLIP_ERROR_FORMAT);
    for (uint32_t i = at + 1; i < m->stack_count; i++)
        if (!append(m, container, m->stack[i])) return 0;
    m->stack_count = at;
    return 1;
}

static int extend_one(machine *m, value_kind kind) {
    uint32_t second = pop(m), first = kind == V_DICT ? pop(m) : NONE, container = top(m);
    if (second == NONE || !is(m, container, kind)) return fail(m, CLIP_ERROR_FORMAT);
    if (kind == V_DICT && !append(m, container, first)) return fail(m, CLIP_ERROR_FORMAT);
    return append(m, container, second);
}

static int remember(machine *m, uint64_t at) {
    uint32_t v = top(m);
    if (v == NONE || at > m->length) return fail(m, CLIP_ERROR_FORMAT); /* a pickle remembers no more than it has bytes */
    while (m->memo_count <= at) {
        if (!grow(m, (void **)&m->memo, m->memo_count, &m->memo_room, sizeof v)) return 0;
        m->memo[m->memo_count++] = NONE;
    }
    m->memo[at] = v;
    return 1;
}

static int recall(machine *m, uint64_t at) {
    if (at >= m->memo_count || m->memo[at] == NONE) return fail(m, CLIP_ERROR_FORMAT);
    return push(m, m->memo[at]);
}

/* ---- the opcodes ---- */

static int step(machine *m, uint8_t code) {
    uint64_t number;
    size_t start, length, start2, length2;
    switch (code) {
    case 0x80: return take(m, 1, &start); /* PROTO */
    case 0x95: return take(m, 8, &start); /* FRAME */
    case '(': return push_new(m, (value){.kind = V_MARK});
    case '}': return push_new(m, (value){.kind = V_DICT});
    case ']': return push_new(m, (value){.kind = V_LIST});
    case ')': return push_new(m, (value){.kind = V_TUPLE});
    case 'N': return push_new(m, (value){.kind = V_NONE});
    case 0x88:
    case 0x89: return push_new(m, (value){.kind = V_BOOL, .number = code == 0x88});
    case 'K': return little(m, 1, &number) && push_new(m, (value){.kind = V_INT, .number = (int64_t)number});
    case 'M': return little(m, 2, &number) && push_new(m, (value){.kind = V_INT, .number = (int64_t)number});
    case 'J': return push_signed(m, 4);
    case 0x8a: /* LONG1 */
        if (!little(m, 1, &number)) return 0;
        if (number > 8) return take(m, (size_t)number, &start) && push_new(m, (value){.kind = V_NONE}); /* nobody's size */
        return push_signed(m, (unsigned)number);
    case 'G': return take(m, 8, &start) && push_new(m, (value){.kind = V_FLOAT});
    case 0x8c: return push_string(m, 1);
    case 'X': return push_string(m, 4);
    case 0x8d: return push_string(m, 8);
    case 'U':
    case 'C': return push_string(m, 1);
    case 'T':
    case 'B': return push_string(m, 4);
    case 'q': return little(m, 1, &number) && remember(m, number);
    case 'r': return little(m, 4, &number) && remember(m, number);
    case 0x94: return remember(m, m->memo_count);
    case 'h': return little(m, 1, &number) && recall(m, number);
    case 'j': return little(m, 4, &number) && recall(m, number);
    case '0': return pop(m) != NONE;
    case 't': {
        uint32_t at = mark(m);
        if (at == NONE) return 0;
        memmove(m->stack + at, m->stack + at + 1, (m->stack_count - at - 1) * sizeof *m->stack);
        m->stack_count--;
        return tuple(m, at);
    }
    case 0x85: return tuple_of(m, 1);
    case 0x86: return tuple_of(m, 2);
    case 0x87: return tuple_of(m, 3);
    case 'u': return extend(m, V_DICT);
    case 'e': return extend(m, V_LIST);
    case 's': return extend_one(m, V_DICT);
    case 'a': return extend_one(m, V_LIST);
    case 'c': return line(m, &start, &length) && line(m, &start2, &length2) && push_global(m, start, length, start2, length2);
    case 0x93: { /* STACK_GLOBAL */
        uint32_t name = pop(m), module = pop(m);
        if (!is(m, name, V_STRING) || !is(m, module, V_STRING)) return fail(m, CLIP_ERROR_FORMAT);
        const value *a = &m->values[module], *b = &m->values[name];
        return push_global(m, a->start, a->length, b->start, b->length);
    }
    case 'Q': return persistent(m);
    case 'R': return call(m);
    case 'b': /* BUILD: a dictionary's attributes (torch keeps _metadata there) say nothing about its items */
        return pop(m) != NONE && (is(m, top(m), V_DICT) || fail(m, CLIP_ERROR_FORMAT));
    default: return fail(m, CLIP_ERROR_FORMAT);
    }
}

/* ---- the answer ---- */

/* Numbers of a tuple; 0 if they are not all sizes. */
static int numbers_of(const machine *m, uint32_t tuple, uint64_t *out) {
    const value *t = &m->values[tuple];
    uint32_t at = t->first;
    for (uint32_t i = 0; i < t->count; i++, at = m->cells[at].next) {
        const value *v = &m->values[m->cells[at].value];
        if (v->kind != V_INT || v->number < 0 || v->number > (int64_t)1 << 53) return 0;
        out[i] = (uint64_t)v->number;
    }
    return 1;
}

/* One tensor, all of whose elements must lie in its storage. */
static clip_status describe(const machine *m, uint32_t name, uint32_t tensor, clip_pickle_tensor *out) {
    const value *t = &m->values[tensor], *s = &m->values[t->storage], *n = &m->values[name];
    *out = (clip_pickle_tensor){.name = (const char *)m->bytes + n->start,
                                .length = n->length,
                                .key = (const char *)m->bytes + s->key_start,
                                .key_length = s->key_length,
                                .dtype = s->of,
                                .element = s->bytes,
                                .numbers = s->numbers,
                                .first = t->offset,
                                .dimensions = m->values[t->shape].count};
    if (out->dimensions > CLIP_MAX_DIMENSIONS || m->values[t->stride].count != out->dimensions) return CLIP_ERROR_SHAPE;
    if (!numbers_of(m, t->shape, out->shape) || !numbers_of(m, t->stride, out->stride)) return CLIP_ERROR_SHAPE;
    uint64_t last = out->first, elements = 1;
    for (uint32_t i = 0; i < out->dimensions; i++) {
        uint64_t steps = out->shape[i] ? out->shape[i] - 1 : 0;
        if (out->shape[i] && elements > ((uint64_t)1 << 53) / out->shape[i]) return CLIP_ERROR_SHAPE;
        elements *= out->shape[i];
        if (steps && out->stride[i] > ((uint64_t)1 << 53) / steps) return CLIP_ERROR_SHAPE;
        last += steps * out->stride[i];
        if (last > (uint64_t)1 << 53) return CLIP_ERROR_SHAPE;
    }
    return elements == 0 || last < out->numbers ? CLIP_OK : CLIP_ERROR_SHAPE;
}

static uint32_t lookup(const machine *m, uint32_t dict, const char *key) {
    uint32_t at = m->values[dict].first;
    for (uint32_t i = 0; i + 1 < m->values[dict].count; i += 2) {
        uint32_t name = m->cells[at].value, held = m->cells[at].next;
        if (is(m, name, V_STRING) && same(m, m->values[name].start, m->values[name].length, key)) return m->cells[held].value;
        at = m->cells[held].next;
    }
    return NONE;
}

static clip_status collect(machine *m, uint32_t root, clip_pickle *pickle) {
    static const char *const INSIDE[] = {"state_dict", "model_state_dict", "model"};
    for (size_t i = 0; i < sizeof INSIDE / sizeof *INSIDE; i++) {
        uint32_t inner = is(m, root, V_DICT) ? lookup(m, root, INSIDE[i]) : NONE;
        if (!is(m, inner, V_DICT)) continue;
        root = inner;
        break;
    }
    if (!is(m, root, V_DICT)) return CLIP_ERROR_FORMAT;
    pickle->tensors = calloc(m->values[root].count / 2 + 1, sizeof *pickle->tensors);
    if (!pickle->tensors) return CLIP_ERROR_MEMORY;
    uint32_t at = m->values[root].first;
    for (uint32_t i = 0; i + 1 < m->values[root].count; i += 2) {
        uint32_t name = m->cells[at].value, held = m->cells[at].next, tensor = m->cells[held].value;
        at = m->cells[held].next;
        if (!is(m, name, V_STRING) || !is(m, tensor, V_TENSOR)) continue;
        clip_status status = describe(m, name, tensor, &pickle->tensors[pickle->count]);
        if (status != CLIP_OK) {
            pickle->refused = (const char *)m->bytes + m->values[name].start;
            pickle->refused_length = m->values[name].length;
            return status;
        }
        pickle->count++;
    }
    return pickle->count ? CLIP_OK : CLIP_ERROR_FORMAT;
}

clip_status clip_pickle_read(clip_pickle *pickle, const uint8_t *bytes, size_t length) {
    *pickle = (clip_pickle){0};
    if (length > CLIP_MAX_PICKLE) return CLIP_ERROR_FORMAT;
    machine m = {.bytes = bytes, .length = length};
    int stopped = 0;
    while (m.status == CLIP_OK && !stopped) {
        if (m.at == length) fail(&m, CLIP_ERROR_FORMAT);
        else if (bytes[m.at] == '.') stopped = 1;
        else {
            m.at++;
            if (!step(&m, bytes[m.at - 1])) fail(&m, CLIP_ERROR_FORMAT);
        }
    }
    clip_status status = m.status;
    if (status == CLIP_OK) status = m.stack_count == 1 ? collect(&m, m.stack[0], pickle) : CLIP_ERROR_FORMAT;
    if (status == CLIP_ERROR_UNKNOWN) {
        pickle->refused = (const char *)bytes + m.refused;
        pickle->refused_length = m.refused_length;
    }
    free(m.values);
    free(m.cells);
    free(m.stack);
    free(m.memo);
    if (status != CLIP_OK) {
        free(pickle->tensors);
        pickle->tensors = NULL;
        pickle->count = 0;
    }
    return status;
}

void clip_pickle_free(clip_pickle *pickle) {
    free(pickle->tensors);
    *pickle = (clip_pickle){0};
}
