#include "weights/torch.h"

#include <stdlib.h>
#include <string.h>

#include "weights/pickle.h"

/* The zip's end, as APPNOTE.TXT has it: a record of 22 bytes and a comment of 65,535 at most; before it, where sizes need it, a locator
 * of 20 bytes that leads to a larger record. */
#define END_BYTES     22
#define LOCATOR_BYTES 20
#define END64_BYTES   56
#define TAIL_BYTES    (END_BYTES + 65535 + LOCATOR_BYTES + END64_BYTES)
#define LOCAL_BYTES   30
#define MAX_DIRECTORY (64u << 20)

typedef struct {
    const uint8_t *name; /* in the directory's copy */
    uint32_t name_length;
    uint64_t bytes, local; /* local: where its local header is */
} zip_entry;

typedef enum { TAIL, END64, DIRECTORY, LOCAL, PICKLE } stage;

typedef struct {
    int begun;
    stage stage; /* what was asked for last */
    uint64_t tail, directory, directory_bytes;
    uint8_t *names; /* the directory, kept for its names; owned */
    zip_entry *entries;
    size_t count;
    zip_entry data; /* data.pkl */
    size_t prefix;  /* of its name, with the slash: all entries begin so */
} torch_reader;

static uint64_t little(const uint8_t *bytes, int count) {
    uint64_t number = 0;
    while (count-- > 0) number = number << 8 | bytes[count];
    return number;
}

static clip_status fail(clip_catalog *catalog, const char *why) {
    return clip_catalog_fail(catalog, CLIP_ERROR_FORMAT, why, strlen(why));
}

static clip_status need_directory(clip_catalog *catalog, torch_reader *r) {
    r->stage = DIRECTORY;
    return clip_catalog_need(catalog, r->directory, r->directory_bytes, MAX_DIRECTORY);
}

static clip_status read_end64(clip_catalog *catalog, torch_reader *r, const uint8_t *record) {
    if (little(record, 4) != 0x06064b50) return fail(catalog, "the zip's end is damaged");
    r->directory_bytes = little(record + 40, 8);
    r->directory = little(record + 48, 8);
    return need_directory(catalog, r);
}

static clip_status read_tail(clip_catalog *catalog, torch_reader *r, const uint8_t *bytes, size_t length) {
    for (size_t i = length - END_BYTES + 1; i-- > 0;) {
        const uint8_t *end = bytes + i;
        if (little(end, 4) != 0x06054b50 || little(end + 20, 2) != length - i - END_BYTES) continue;
        r->directory_bytes = little(end + 12, 4);
        r->directory = little(end + 16, 4);
        const uint8_t *locator = end - LOCATOR_BYTES;
        if (i < LOCATOR_BYTES || little(locator, 4) != 0x07064b50) return need_directory(catalog, r);
        uint64_t at = little(locator + 8, 8);
        if (length >= END64_BYTES && at >= r->tail && at - r->tail <= length - END64_BYTES)
            return read_end64(catalog, r, bytes + (at - r->tail));
        r->stage = END64;
        return clip_catalog_need(catalog, at, END64_BYTES, END64_BYTES);
    }
    return fail(catalog, "not a zip, as torch.save writes it since version 1.6; older files must be saved anew with a newer torch");
}

static int ends(const zip_entry *entry, const char *suffix) {
    size_t length = strlen(suffix);
    return entry->name_length >= length && memcmp(entry->name + entry->name_length - length, suffix, length) == 0;
}

/* The fields that zip64 keeps in an extra field, in this order, for those that are all ones in the entry. */
static int read_extra64(const uint8_t *extra, size_t length, uint64_t *sizes[3]) {
    while (length >= 4) {
        size_t bytes = (size_t)little(extra + 2, 2);
        if (bytes > length - 4) return 0;
        if (little(extra, 2) == 1) {
            const uint8_t *at = extra + 4, *end = at + bytes;
            for (int i = 0; i < 3; i++) {
                if (*sizes[i] != UINT32_MAX) continue;
                if (end - at < 8) return 0;
                *sizes[i] = little(at, 8);
                at += 8;
            }
            return 1;
        }
        extra += 4 + bytes;
        length -= 4 + bytes;
    }
    return *sizes[0] != UINT32_MAX && *sizes[1] != UINT32_MAX && *sizes[2] != UINT32_MAX;
}

static clip_status read_directory(clip_catalog *catalog, torch_reader *r, const uint8_t *bytes, size_t length) {
    r->names = malloc(length);
    r->entries = calloc(length / 46 + 1, sizeof *r->entries);
    if (!r->names || !r->entries) return CLIP_ERROR_MEMORY;
    memcpy(r->names, bytes, length);
    bytes = r->names;
    while (length >= 46 && little(bytes, 4) == 0x02014b50) {
        size_t name = (size_t)little(bytes + 28, 2), extra = (size_t)little(bytes + 30, 2), comment = (size_t)little(bytes + 32, 2);
        uint64_t packed = little(bytes + 20, 4), size = little(bytes + 24, 4), local = little(bytes + 42, 4);
        if (name + extra + comment > length - 46) return fail(catalog, "the zip's directory is damaged");
        uint64_t *sizes[3] = {&size, &packed, &local}; /* in the order of the extra field */
        if (!read_extra64(bytes + 46 + name, extra, sizes)) return fail(catalog, "the zip's directory is damaged");
        if (little(bytes + 10, 2) != 0 || packed != size) return fail(catalog, "the zip is compressed, which torch.save's is not");
        zip_entry *entry = &r->entries[r->count++];
        *entry = (zip_entry){bytes + 46, (uint32_t)name, size, local};
        if (ends(entry, "/data.pkl") && !r->data.name) r->data = *entry;
        if (ends(entry, "/constants.pkl"))
            return fail(catalog, "a TorchScript program, which is not read here; save its state_dict()");
        bytes += 46 + name + extra + comment;
        length -= 46 + name + extra + comment;
    }
    if (!r->data.name) return fail(catalog, "a zip without data.pkl, so not torch.save's");
    r->prefix = r->data.name_length - strlen("data.pkl");
    r->stage = LOCAL;
    return clip_catalog_need(catalog, r->data.local, LOCAL_BYTES, LOCAL_BYTES);
}

static clip_status read_local(clip_catalog *catalog, torch_reader *r, const uint8_t *bytes) {
    if (little(bytes, 4) != 0x04034b50) return fail(catalog, "the zip is damaged");
    r->stage = PICKLE;
    return clip_catalog_need(catalog, r->data.local + LOCAL_BYTES + little(bytes + 26, 2) + little(bytes + 28, 2), r->data.bytes,
                             CLIP_MAX_PICKLE);
}

static int by_name(const void *a, const void *b) {
    const zip_entry *x = a, *y = b;
    uint32_t shorter = x->name_length < y->name_length ? x->name_length : y->name_length;
    int order = memcmp(x->name, y->name, shorter);
    return order ? order : (x->name_length > y->name_length) - (x->name_length < y->name_length);
}

/* The entry that holds a storage: prefix + "data/" + key. */
static const zip_entry *find_storage(const torch_reader *r, const clip_pickle_tensor *tensor) {
    static const char FOLDER[] = "data/";
    const size_t folder = sizeof FOLDER - 1;
    uint8_t name[512];
    size_t length = r->prefix + folder + tensor->key_length;
    if (length > sizeof name) return NULL;
    memcpy(name, r->data.name, r->prefix);
    memcpy(name + r->prefix, FOLDER, folder);
    memcpy(name + r->prefix + folder, tensor->key, tensor->key_length);
    const zip_entry wanted = {name, (uint32_t)length, 0, 0};
    return bsearch(&wanted, r->entries, r->count, sizeof wanted, by_name);
}

static clip_status add_tensor(clip_catalog *catalog, const torch_reader *r, const clip_pickle_tensor *t) {
    const zip_entry *entry = find_storage(r, t);
    if (!entry || entry->bytes / t->element < t->numbers || entry->bytes > clip_catalog_file_bytes(catalog) ||
        entry->local > clip_catalog_file_bytes(catalog) - entry->bytes)
        return clip_catalog_fail(catalog, CLIP_ERROR_FORMAT, t->name, t->length);
    clip_part part = {.kind = CLIP_PART_ZIP, .offset = entry->local, .skip = t->first * t->element};
    part.tensor.dtype = t->dtype;
    part.tensor.dimensions = t->dimensions;
    uint64_t elements = 1, reach = 0;
    int contiguous = 1;
    for (uint32_t d = t->dimensions; d-- > 0;) {
        part.tensor.shape[d] = t->shape[d];
        part.stride[d] = t->stride[d];
        contiguous &= t->shape[d] == 1 || t->stride[d] == elements;
        elements *= t->shape[d];
        reach += t->shape[d] ? (t->shape[d] - 1) * t->stride[d] : 0;
    }
    part.tensor.end = elements * t->element;
    part.unit = part.expanded = part.tensor.end;
    if (!contiguous && elements) {
        part.kind = CLIP_PART_STRIDED;
        part.unit = (reach + 1) * t->element;
        if (part.unit > (64u << 20) || part.expanded > (64u << 20) || clip_dtype_bytes(t->dtype) == 0)
            return clip_catalog_fail(catalog, CLIP_ERROR_SHAPE, t->name, t->length);
    }
    static const char MODULE[] = "module."; /* put before every name by training on several machines */
    const char *name = t->name;
    size_t length = t->length, prefix = sizeof MODULE - 1;
    if (length > prefix && memcmp(name, MODULE, prefix) == 0) name += prefix, length -= prefix;
    return clip_catalog_add(catalog, name, length, &part);
}

static clip_status read_pickle(clip_catalog *catalog, torch_reader *r, const uint8_t *bytes, size_t length) {
    clip_pickle pickle;
    clip_status status = clip_pickle_read(&pickle, bytes, length);
    if (status != CLIP_OK)
        return pickle.refused ? clip_catalog_fail(catalog, status, pickle.refused, pickle.refused_length)
                              : clip_catalog_fail(catalog, status, "data.pkl", 8);
    qsort(r->entries, r->count, sizeof *r->entries, by_name);
    for (size_t i = 0; i < pickle.count && status == CLIP_OK; i++) status = add_tensor(catalog, r, &pickle.tensors[i]);
    clip_pickle_free(&pickle);
    return status;
}

static clip_status step(clip_catalog *catalog, void *state, const uint8_t *bytes, size_t length) {
    torch_reader *r = state;
    if (!r->begun) {
        uint64_t all = clip_catalog_file_bytes(catalog), tail = all < TAIL_BYTES ? all : TAIL_BYTES;
        r->begun = 1;
        r->tail = all - tail;
        if (tail < END_BYTES) return fail(catalog, "too short for a zip");
        return clip_catalog_need(catalog, r->tail, tail, TAIL_BYTES);
    }
    switch (r->stage) {
    case TAIL: return read_tail(catalog, r, bytes, length);
    case END64: return read_end64(catalog, r, bytes);
    case DIRECTORY: return read_directory(catalog, r, bytes, length);
    case LOCAL: return read_local(catalog, r, bytes);
    case PICKLE: return read_pickle(catalog, r, bytes, length);
    }
    return CLIP_ERROR_ARGUMENT;
}

static void close_reader(void *state) {
    torch_reader *r = state;
    free(r->names);
    free(r->entries);
    free(r);
}

void *clip_torch_open(clip_index_reader *reader) {
    *reader = (clip_index_reader){step, close_reader};
    return calloc(1, sizeof(torch_reader));
}
