#include "block/tombstones.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "block/reencode.h"
#include "bytes/crc32c.h"
#include "bytes/reader.h"
#include "bytes/writer.h"
#include "chunk/xor.h"

namespace narthex {

namespace {

constexpr uint32_t kMagic = 0x0130ba30;
constexpr uint8_t kVersion = 1;
constexpr size_t kHeaderSize = 5;

}  // namespace

void add_interval(Intervals& intervals, Interval added) {
    auto touches = [](int64_t end, int64_t start) {
        return end >= start || (end != std::numeric_limits<int64_t>::max() && end + 1 == start);
    };
    auto first = std::find_if(intervals.begin(), intervals.end(),
                              [&](const Interval& i) { return touches(i.maxt, added.mint); });
    auto last = first;
    while (last != intervals.end() && touches(added.maxt, last->mint)) {
        added.mint = std::min(added.mint, last->mint);
        added.maxt = std::max(added.maxt, last->maxt);
        ++last;
    }
    first = intervals.erase(first, last);
    intervals.insert(first, added);
}

Tombstones Tombstones::decode(std::span<const uint8_t> file) {
    ByteReader head(file);
    if (head.be32() != kMagic) throw DecodeError("not a tombstones file", 0);
    uint8_t version = head.u8();
    if (version != kVersion) throw DecodeError("unknown tombstones version " + std::to_string(version), 4);
    if (head.remaining() < 4) head.fail("tombstones file is cut");
    auto content = head.bytes(head.remaining() - 4);
    if (crc32c(content) != head.be32()) throw DecodeError("checksum mismatch in tombstones", kHeaderSize);
    Tombstones out;
    ByteReader in(content, kHeaderSize);
    while (!in.empty()) {
        uint64_t series = in.uvarint();
        Interval interval{in.varint(), in.varint()};
        if (interval.mint > interval.maxt) in.fail("tombstone ends before it starts");
        out.add(series, interval);
    }
    return out;
}

std::vector<uint8_t> Tombstones::encode() const {
    ByteWriter out;
    out.be32(kMagic);
    out.u8(kVersion);
    for (const auto& [series, intervals] : series_) {
        for (Interval i : intervals) {
            out.uvarint(series);
            out.varint(i.mint);
            out.varint(i.maxt);
        }
    }
    out.be32(crc32c(std::span(out.buffer()).subspan(kHeaderSize)));
    return std::move(out.buffer());
}

const Intervals* Tombstones::find(uint64_t series) const {
    auto it = series_.find(series);
    return it == series_.end() ? nullptr : &it->second;
}

size_t Tombstones::intervals() const {
    size_t n = 0;
    for (const auto& [series, intervals] : series_) n += intervals.size();
    return n;
}

namespace {

// Decodes an XOR chunk into columns without the deleted samples. A query then decodes them but once.
void add_columns(const ChunkView& chunk, const Intervals& deleted, SeriesBatch& out) {
    std::vector<int64_t> ts;
    std::vector<double> vs;
    xor_decode({chunk.data, chunk.size}, std::numeric_limits<int64_t>::min(),
               std::numeric_limits<int64_t>::max(), ts, vs);
    size_t kept = 0;
    auto next = deleted.begin();
    for (size_t k = 0; k < ts.size(); ++k) {
        while (next != deleted.end() && next->maxt < ts[k]) ++next;
        if (next != deleted.end() && next->mint <= ts[k]) continue;
        ts[kept] = ts[k];
        vs[kept++] = vs[k];
    }
    if (kept == 0) return;
    auto columns = std::make_shared<std::vector<uint64_t>>(2 * kept);
    std::memcpy(columns->data(), ts.data(), 8 * kept);
    std::memcpy(columns->data() + kept, vs.data(), 8 * kept);
    out.chunks.push_back({ts[0], ts[kept - 1], reinterpret_cast<const uint8_t*>(columns->data()),
                          static_cast<uint32_t>(16 * kept), kEncodingColumns});
    out.owners.push_back(std::move(columns));
}

}  // namespace

void add_remains(const ChunkView& chunk, const Intervals& deleted, SeriesBatch& out) {
    bool touched = false;
    for (Interval i : deleted) {
        if (i.mint <= chunk.mint && chunk.maxt <= i.maxt) return;
        touched = touched || (i.mint <= chunk.maxt && chunk.mint <= i.maxt);
    }
    if (!touched) {
        out.chunks.push_back(chunk);
    } else if (chunk.encoding == kEncodingXor) {
        add_columns(chunk, deleted, out);
    } else {
        auto kept = std::make_shared<std::vector<EncodedChunk>>(reencode(
            {&chunk, 1}, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), &deleted));
        for (const EncodedChunk& c : *kept) out.chunks.push_back(c.view());
        if (!kept->empty()) out.owners.push_back(std::move(kept));
    }
}

}  // namespace narthex
