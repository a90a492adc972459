#include "wal/records.h"

#include <cstring>

namespace narthex {

namespace {

uint8_t* put_be64(uint8_t* p, uint64_t v) {
    v = __builtin_bswap64(v);
    std::memcpy(p, &v, 8);
    return p + 8;
}

uint8_t* put_varint(uint8_t* p, uint64_t difference) {
    auto s = static_cast<int64_t>(difference);
    uint64_t v = difference << 1 ^ static_cast<uint64_t>(s >> 63);
    for (; v >= 0x80; v >>= 7) *p++ = static_cast<uint8_t>(v | 0x80);
    *p++ = static_cast<uint8_t>(v);
    return p;
}

}  // namespace

void SamplesRecord::add(uint64_t ref, int64_t t, uint64_t bits) {
    uint8_t entry[17 + 28];
    uint8_t* p = entry;
    if (out_.empty()) {
        base_ref_ = ref;
        base_t_ = t;
        *p++ = static_cast<uint8_t>(WalRecord::kSamples);
        p = put_be64(p, ref);
        p = put_be64(p, static_cast<uint64_t>(t));
    }
    p = put_varint(p, ref - base_ref_);
    p = put_varint(p, static_cast<uint64_t>(t) - static_cast<uint64_t>(base_t_));
    p = put_be64(p, bits);
    out_.insert(out_.end(), entry, p);
}

void SampleHeadWriter::put(ByteWriter& out, uint64_t ref, int64_t t, int64_t start) {
    auto minus = [](uint64_t a, uint64_t b) { return static_cast<int64_t>(a - b); };
    auto raw = [](int64_t v) { return static_cast<uint64_t>(v); };
    if (first_) {
        base_t_ = t;
        base_start_ = start;
        out.varint(static_cast<int64_t>(ref));
        out.varint(t);
        out.varint(start);
        first_ = false;
    } else {
        out.varint(minus(ref, ref_));
        out.varint(minus(raw(t), raw(base_t_)));
        if (start == 0 || start == start_) {
            out.u8(start == 0 ? 0 : 1);
        } else {
            out.u8(2);
            out.varint(minus(raw(start), raw(base_start_)));
        }
    }
    ref_ = ref;
    start_ = start;
}

void ExemplarsRecord::add(uint64_t ref, int64_t t, uint64_t bits, std::span<const TextPair> labels) {
    if (empty()) {
        base_ref_ = ref;
        base_t_ = t;
        out_.u8(static_cast<uint8_t>(WalRecord::kExemplars));
        out_.be64(ref);
        out_.be64(static_cast<uint64_t>(t));
    }
    out_.varint(static_cast<int64_t>(ref - base_ref_));
    out_.varint(static_cast<int64_t>(static_cast<uint64_t>(t) - static_cast<uint64_t>(base_t_)));
    out_.be64(bits);
    out_.uvarint(labels.size());
    for (const auto& [name, value] : labels) {
        out_.string(name);
        out_.string(value);
    }
}

void MetadataRecord::add(uint64_t ref, uint8_t type, std::span<const TextPair> fields) {
    out_.uvarint(ref);
    out_.u8(type);
    out_.uvarint(fields.size());
    for (const auto& [name, value] : fields) {
        out_.string(name);
        out_.string(value);
    }
}

}  // namespace narthex
