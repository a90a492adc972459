#include "block/index_writer.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "block/index_format.h"
#include "bytes/crc32c.h"

namespace narthex {

namespace {

constexpr uint8_t kWrittenVersion = 2;
constexpr size_t kListAlignment = 4;
// Label indices and their table are not written, as Prometheus 3 does not: no reader since 2017 wants them.
enum TocEntry { kSymbolTable, kSeriesStart, kLabelIndices, kLabelTable, kPostingsStart, kPostingsTable };

}  // namespace

IndexWriter::IndexWriter() {
    symbols_.intern({});  // the key of the list of all series
}

std::vector<uint8_t> IndexWriter::take() {
    std::vector<uint8_t> bytes;
    bytes.swap(out_.buffer());
    taken_ += bytes.size();
    return bytes;
}

void IndexWriter::pad(size_t alignment) {
    while (position() % alignment != 0) out_.u8(0);
}

void IndexWriter::section(std::span<const uint8_t> content) {
    if (content.size() > 0xffffffff) throw std::length_error("index section is larger than 4 GiB");
    out_.be32(static_cast<uint32_t>(content.size()));
    out_.raw(content);
    out_.be32(crc32c(content));
}

void IndexWriter::begin() {
    order_.resize(symbols_.size());
    std::iota(order_.begin(), order_.end(), uint32_t{0});
    std::sort(order_.begin(), order_.end(),
              [this](uint32_t a, uint32_t b) { return symbols_.get(a) < symbols_.get(b); });
    rank_.resize(order_.size());
    for (uint32_t r = 0; r < order_.size(); ++r) rank_[order_[r]] = r;
    out_.be32(kIndexMagic);
    out_.u8(kWrittenVersion);
    toc_[kSymbolTable] = position();
    ByteWriter table;
    table.be32(symbols_.size());
    for (uint32_t id : order_) table.string(symbols_.get(id));
    section(table.buffer());
    toc_[kSeriesStart] = position();
    stage_ = Stage::kSeries;
}

void IndexWriter::add_series(std::span<const LabelPair> labels, std::span<const ChunkMeta> chunks) {
    row_.clear();
    for (LabelPair p : labels) row_.push_back({rank_[p.name], rank_[p.value]});
    auto before = [](LabelPair a, LabelPair b) {
        return a.name != b.name ? a.name < b.name : a.value < b.value;
    };
    bool first = all_.series.empty();
    if (!first && !std::lexicographical_compare(last_.begin(), last_.end(), row_.begin(), row_.end(), before))
        throw std::invalid_argument("series are not in label order");
    last_.swap(row_);
    pad(kSeriesAlignment);
    uint64_t id = position() / kSeriesAlignment;
    if (id > 0xffffffff) throw std::length_error("index is larger than 64 GiB");
    entry_.buffer().clear();
    entry_.uvarint(last_.size());
    for (LabelPair p : last_) {
        entry_.uvarint(p.name);
        entry_.uvarint(p.value);
    }
    entry_.uvarint(chunks.size());
    // Differences wrap like two's complement, as the reader's sums do.
    for (size_t i = 0; i < chunks.size(); ++i) {
        auto mint = static_cast<uint64_t>(chunks[i].mint), maxt = static_cast<uint64_t>(chunks[i].maxt);
        if (i == 0) {
            entry_.varint(chunks[i].mint);
            entry_.uvarint(maxt - mint);
            entry_.uvarint(chunks[i].ref);
        } else {
            entry_.uvarint(mint - static_cast<uint64_t>(chunks[i - 1].maxt));
            entry_.uvarint(maxt - mint);
            entry_.varint(static_cast<int64_t>(chunks[i].ref - chunks[i - 1].ref));
        }
    }
    out_.uvarint(entry_.size());
    out_.raw(entry_.buffer());
    out_.be32(crc32c(entry_.buffer()));
    all_.series.push_back(static_cast<uint32_t>(id));
    for (LabelPair p : last_) {
        auto [at, added] = list_of_.try_emplace(static_cast<uint64_t>(p.name) << 32 | p.value,
                                                static_cast<uint32_t>(lists_.size()));
        if (added) lists_.push_back({p, {}});
        lists_[at->second].series.push_back(static_cast<uint32_t>(id));
    }
}

void IndexWriter::sort_lists() {
    list_of_.clear();
    uint32_t empty = rank_[0];
    all_.key = {empty, empty};
    lists_.push_back(std::move(all_));
    std::sort(lists_.begin(), lists_.end(), [](const List& a, const List& b) {
        return a.key.name != b.key.name ? a.key.name < b.key.name : a.key.value < b.key.value;
    });
}

void IndexWriter::write_list(List& list) {
    pad(kListAlignment);
    list.offset = position();
    ByteWriter content;
    content.buffer().reserve(4 + 4 * list.series.size());
    content.be32(static_cast<uint32_t>(list.series.size()));
    for (uint32_t id : list.series) content.be32(id);
    section(content.buffer());
    list.series = {};
}

void IndexWriter::write_tables() {
    toc_[kLabelTable] = position();
    toc_[kPostingsTable] = position();
    ByteWriter table;
    table.be32(static_cast<uint32_t>(lists_.size()));
    for (const List& list : lists_) {
        table.uvarint(2);
        table.string(ranked(list.key.name));
        table.string(ranked(list.key.value));
        table.uvarint(list.offset);
    }
    section(table.buffer());
    ByteWriter toc;
    for (uint64_t offset : toc_) toc.be64(offset);
    out_.raw(toc.buffer());
    out_.be32(crc32c(toc.buffer()));
}

bool IndexWriter::finish(size_t budget) {
    if (stage_ == Stage::kSymbols) throw std::logic_error("index was not begun");
    if (stage_ == Stage::kSeries) {
        sort_lists();
        toc_[kLabelIndices] = position();
        pad(kListAlignment);
        toc_[kPostingsStart] = position();
        stage_ = Stage::kPostings;
    }
    while (stage_ == Stage::kPostings && pending() < budget) {
        if (next_list_ < lists_.size()) {
            write_list(lists_[next_list_++]);
        } else {
            write_tables();
            stage_ = Stage::kDone;
        }
    }
    return stage_ == Stage::kDone;
}

}  // namespace narthex
