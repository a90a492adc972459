#include "block/block_writer.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "block/chunk_segments.h"
#include "block/reencode.h"
#include "bytes/crc32c.h"
#include "bytes/writer.h"

namespace narthex {

namespace {

bool same_bytes(const ChunkView& a, const ChunkView& b) {
    return a.mint == b.mint && a.maxt == b.maxt && a.encoding == b.encoding && a.size == b.size &&
           std::memcmp(a.data, b.data, a.size) == 0;
}

std::string name_series(const SeriesBatch& batch, size_t row) {
    std::string text = "series {";
    for (LabelPair p : batch.labels.row(row)) {
        if (text.back() != '{') text += ", ";
        text.append(batch.labels.symbols()->get(p.name)).append("=\"");
        text.append(batch.labels.symbols()->get(p.value)).append("\"");
    }
    return text + "}";
}

}  // namespace

BlockWriter::BlockWriter(int64_t mint, int64_t maxt, Options options)
    : mint_(mint), last_(maxt - 1), options_(options) {}

void BlockWriter::add_symbols(const SymbolTable& symbols) {
    for (uint32_t id = 0; id < symbols.size(); ++id) index_.add_symbol(symbols.get(id));
}

void BlockWriter::add_symbols(const IndexReader& index) {
    for (uint32_t i = 0; i < index.symbols(); ++i) index_.add_symbol(index.symbol(i));
}

uint32_t BlockWriter::symbol(const SymbolTable& from, uint32_t id) {
    if (id >= map_.size()) map_.resize(from.size(), SymbolTable::kNone);
    uint32_t& to = map_[id];
    if (to == SymbolTable::kNone) to = index_.symbols().find(from.get(id));
    if (to == SymbolTable::kNone) throw std::invalid_argument("label was not announced as a symbol");
    return to;
}

size_t BlockWriter::add_rows(const SeriesBatch& batch, size_t first, size_t budget) {
    const SymbolTable& symbols = *batch.labels.symbols();
    if (from_ != &symbols || first == 0) map_.clear();
    from_ = &symbols;
    batch_ = &batch;
    size_t i = first;
    for (; i < batch.rows() && pending_ + index_.pending() < budget; ++i) {
        metas_.clear();
        row_ = i;
        auto chunks = batch.row(i);
        for (size_t a = 0; a < chunks.size();) {
            int64_t end = chunks[a].maxt;
            size_t b = a + 1;
            for (; b < chunks.size() && chunks[b].mint <= end; ++b) end = std::max(end, chunks[b].maxt);
            add_group(chunks.subspan(a, b - a));
            a = b;
        }
        if (metas_.empty()) continue;
        labels_.clear();
        for (LabelPair p : batch.labels.row(i))
            labels_.push_back({symbol(symbols, p.name), symbol(symbols, p.value)});
        index_.add_series(labels_, metas_);
        ++counts_.series;
    }
    return i;
}

// Chunks that overlap, or a single one.
void BlockWriter::add_group(std::span<const ChunkView> group) {
    bool outside = std::all_of(group.begin(), group.end(),
                               [this](const ChunkView& c) { return c.maxt < mint_ || c.mint > last_; });
    if (outside) return;
    try {
        encode_group(group);
    } catch (const DecodeError& e) {
        if (!options_.skip_broken) throw DecodeError(name_series(*batch_, row_), e);
        encode_sound(group);
    }
}

void BlockWriter::encode_group(std::span<const ChunkView> group) {
    const ChunkView& first = group[0];
    bool whole = first.mint >= mint_ && first.maxt <= last_ && first.encoding != kEncodingColumns;
    if (whole && std::all_of(group.begin() + 1, group.end(),
                             [&](const ChunkView& c) { return same_bytes(first, c); })) {
        add_chunk(first);
    } else {
        for (const EncodedChunk& chunk : reencode(group, mint_, last_, nullptr, options_.float_encoding))
            add_chunk(chunk.view());
    }
}

// Nothing of the group was written yet: a group is decoded as a whole first.
void BlockWriter::encode_sound(std::span<const ChunkView> group) {
    std::vector<ChunkView> sound;
    for (const ChunkView& chunk : group) {
        try {
            if (chunk.encoding != kEncodingColumns)
                chunk_sample_count({chunk.data, chunk.size}, chunk.encoding);
            reencode({&chunk, 1}, mint_, last_, nullptr, options_.float_encoding);
            sound.push_back(chunk);
        } catch (const DecodeError& e) {
            broken_.add(name_series(*batch_, row_) + ": " + e.what());
        }
    }
    if (!sound.empty()) encode_group(sound);
}

void BlockWriter::add_chunk(const ChunkView& chunk) {
    uint64_t samples = chunk_sample_count({chunk.data, chunk.size}, chunk.encoding);
    if (samples == 0) return;
    ByteWriter head;
    head.uvarint(chunk.size);
    head.u8(chunk.encoding);
    uint64_t size = head.size() + chunk.size + 4;
    if (segment_ == 0 ||
        (segment_position_ + size > options_.segment_size && segment_position_ > kSegmentHeaderSize)) {
        ByteWriter header;
        header.be32(kChunksMagic);
        header.u8(kChunksVersion);
        for (int i = 0; i < 3; ++i) header.u8(0);
        pieces_.push_back({++segment_, std::move(header.buffer())});
        segment_position_ = kSegmentHeaderSize;
    } else if (pieces_.empty()) {
        pieces_.push_back({segment_, {}});
    }
    if (segment_position_ + size > 0xffffffff) throw std::length_error("chunk segment is larger than 4 GiB");
    metas_.push_back({chunk.mint, chunk.maxt, static_cast<uint64_t>(segment_ - 1) << 32 | segment_position_});
    uint32_t crc = crc32c({&chunk.encoding, 1});
    crc = crc32c({chunk.data, chunk.size}, crc);
    ByteWriter tail;
    tail.be32(crc);
    auto& out = pieces_.back().bytes;
    out.insert(out.end(), head.buffer().begin(), head.buffer().end());
    out.insert(out.end(), chunk.data, chunk.data + chunk.size);
    out.insert(out.end(), tail.buffer().begin(), tail.buffer().end());
    segment_position_ += size;
    pending_ += size;
    ++counts_.chunks;
    shapes_.bytes.push_back(chunk.size);
    shapes_.samples.push_back(static_cast<uint32_t>(samples));
    shapes_.milliseconds.push_back(chunk.maxt - chunk.mint);
    counts_.samples += samples;
    (is_histogram(chunk.encoding) ? counts_.histogram_samples : counts_.float_samples) += samples;
}

std::vector<BlockWriter::Piece> BlockWriter::take_chunks() {
    pending_ = 0;
    return std::move(pieces_);
}

}  // namespace narthex
