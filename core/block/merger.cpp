#include "block/merger.h"

#include <algorithm>

namespace narthex {

BlockMerger::BlockMerger(std::vector<Input> inputs) {
    cursors_.resize(inputs.size());
    for (size_t k = 0; k < inputs.size(); ++k) {
        Cursor& c = cursors_[k];
        c.input = std::move(inputs[k]);
        c.input.block->index.collect_all(c.ids);
        c.symbols.assign(c.input.block->index.symbols(), SymbolTable::kNone);
        advance(c);
    }
}

void BlockMerger::advance(Cursor& c) {
    const IndexReader& index = c.input.block->index;
    std::vector<LabelPair> last;
    if (c.valid) last = std::move(c.labels);
    bool had_last = c.valid;
    c.valid = c.next < c.ids.size();
    if (!c.valid) return;
    IndexReader::Id id = c.ids[c.next++];
    IndexReader::chunks(index.labels(id, c.labels), c.metas);
    auto intern = [&](uint32_t symbol) {
        uint32_t& to = c.symbols[symbol];
        if (to == SymbolTable::kNone) to = symbols_->intern(index.symbol(symbol));
        return to;
    };
    for (LabelPair& p : c.labels) p = {intern(p.name), intern(p.value)};
    std::erase_if(c.labels, [this](LabelPair p) { return symbols_->get(p.value).empty(); });
    if (had_last && compare(last, c.labels) >= 0) throw DecodeError("series are not in label order", id);
}

int BlockMerger::compare(const std::vector<LabelPair>& a, const std::vector<LabelPair>& b) const {
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        if (a[i].name != b[i].name) return symbols_->get(a[i].name).compare(symbols_->get(b[i].name));
        if (a[i].value != b[i].value) return symbols_->get(a[i].value).compare(symbols_->get(b[i].value));
    }
    return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

void BlockMerger::add_chunks(const Cursor& c, SeriesBatch& out) const {
    const Intervals* deleted =
        c.input.deleted == nullptr ? nullptr : c.input.deleted->find(c.ids[c.next - 1]);
    for (const ChunkMeta& meta : c.metas) {
        ChunkView view = c.input.block->chunks.view(meta);
        if (deleted == nullptr) {
            out.chunks.push_back(view);
        } else {
            add_remains(view, *deleted, out);
        }
    }
}

SeriesBatch BlockMerger::next(size_t max_rows) {
    SeriesBatch out;
    out.labels = LabelSets(symbols_);
    for (const Cursor& c : cursors_) out.owners.push_back(c.input.block->owner);
    while (out.rows() < max_rows) {
        const Cursor* least = nullptr;
        for (const Cursor& c : cursors_) {
            if (c.valid && (least == nullptr || compare(c.labels, least->labels) < 0)) least = &c;
        }
        if (least == nullptr) break;
        std::vector<LabelPair> labels = least->labels;
        out.labels.add_row(labels);
        for (Cursor& c : cursors_) {
            if (!c.valid || compare(c.labels, labels) != 0) continue;
            add_chunks(c, out);
            advance(c);
        }
        auto first = out.chunks.begin() + static_cast<ptrdiff_t>(out.offsets.back());
        std::stable_sort(first, out.chunks.end(),
                         [](const ChunkView& a, const ChunkView& b) { return a.mint < b.mint; });
        out.offsets.push_back(out.chunks.size());
    }
    return out;
}

}  // namespace narthex
