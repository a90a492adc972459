#include "head/label_rows.h"

#include <algorithm>

#include "labels/word_sort.h"

namespace narthex {

namespace {

constexpr size_t kUsualLabels = 8;

}  // namespace

void SymbolSubset::note(std::span<const LabelPair> pairs) {
    for (LabelPair p : pairs) {
        for (uint32_t id : {p.name, p.value}) {
            if (!few()) {
                if (position_[id] != SymbolTable::kNone) continue;
                position_[id] = static_cast<uint32_t>(ids_.size());
            }
            ids_.push_back(id);
        }
    }
}

void SymbolSubset::find_texts(const SymbolTable& symbols) {
    if (few()) {
        std::sort(ids_.begin(), ids_.end());
        ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
    }
    texts_.reserve(ids_.size());
    for (uint32_t id : ids_) texts_.push_back(symbols.get(id));
}

void SymbolSubset::rename(SymbolTable& into, std::span<LabelPair> pairs) const {
    std::vector<uint32_t> renamed(ids_.size());
    for (uint32_t i : text_order(texts_)) renamed[i] = into.intern(texts_[i]);
    auto at = [&](uint32_t id) {
        if (!few()) return renamed[position_[id]];
        return renamed[static_cast<size_t>(std::lower_bound(ids_.begin(), ids_.end(), id) - ids_.begin())];
    };
    for (LabelPair& p : pairs) p = {at(p.name), at(p.value)};
}

LabelRows::LabelRows(const SeriesTable& table, size_t rows)
    : symbols_(table.symbols),
      subset_(table.symbols->size(), rows * 2 * kUsualLabels < table.symbols->size() / 4) {
    ends_.reserve(rows);
    pairs_.reserve(rows * kUsualLabels);
}

void LabelRows::add(const SeriesTable& table, const Series& s) {
    size_t first = pairs_.size();
    table.pairs_of(s, pairs_);
    ends_.push_back(pairs_.size());
    subset_.note(std::span(pairs_).subspan(first));
}

void LabelRows::find_texts() {
    subset_.find_texts(*symbols_);
}

std::vector<uint32_t> LabelRows::sort_into(LabelSets& out) {
    subset_.rename(*out.symbols(), pairs_);
    auto order = order_by_words(rows(), [this](uint32_t i, size_t depth) -> uint64_t {
        auto pairs = row(i);
        if (depth >= pairs.size()) return 0;
        return (static_cast<uint64_t>(pairs[depth].name) << 32 | pairs[depth].value) + 1;
    });
    out.reserve(rows(), pairs_.size());
    for (uint32_t i : order) out.add_row(row(i));
    return order;
}

}  // namespace narthex
