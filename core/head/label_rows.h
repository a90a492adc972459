// Label sets on their way out of the head: copied under its lock with the head's symbols, sorted without it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "head/table.h"

namespace narthex {

// The symbols that a selection uses, renumbered so that the order of ids is the order of texts: label sets
// then compare as integers.
class SymbolSubset {
  public:
    // `few`: the selection uses a small part of all symbols.
    SymbolSubset(size_t symbols, bool few) : position_(few ? 0 : symbols, SymbolTable::kNone) {}

    // Under the lock: notes which symbols occur.
    void note(std::span<const LabelPair> pairs);
    // Under the lock, once, after the last note: notes where their texts lie. They never move.
    void find_texts(const SymbolTable& symbols);
    // Without the lock: interns the texts in order and renames the pairs.
    void rename(SymbolTable& into, std::span<LabelPair> pairs) const;

  private:
    bool few() const { return position_.empty(); }

    std::vector<uint32_t> ids_;
    std::vector<std::string_view> texts_;
    std::vector<uint32_t> position_;  // in ids_, by symbol; not kept for a small part
};

class LabelRows {
  public:
    // Under the lock. `rows`: about how many will come, of a view on `table`.
    LabelRows(const SeriesTable& table, size_t rows);
    // Under the lock.
    void add(const SeriesTable& table, const Series& s);
    void find_texts();

    size_t rows() const { return ends_.size(); }
    // Without the lock: puts the label sets into `out` in label order; gives the row numbers in that order.
    std::vector<uint32_t> sort_into(LabelSets& out);

  private:
    std::span<const LabelPair> row(size_t i) const {
        size_t start = i == 0 ? 0 : ends_[i - 1];
        return {pairs_.data() + start, pairs_.data() + ends_[i]};
    }

    std::shared_ptr<SymbolTable> symbols_;
    SymbolSubset subset_;
    std::vector<LabelPair> pairs_;
    std::vector<uint64_t> ends_;
};

}  // namespace narthex
