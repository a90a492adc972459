// Many label sets as columns: one row a series, its pairs as symbol ids, sorted by label name (byte order).
// Rows keep the order in which they were added; names are unique in a row; no value is empty.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "labels/symbols.h"

namespace narthex {

struct LabelPair {
    uint32_t name;
    uint32_t value;
    bool operator==(const LabelPair&) const = default;
};

class LabelSets {
  public:
    LabelSets() : symbols_(std::make_shared<SymbolTable>()) {}
    explicit LabelSets(std::shared_ptr<SymbolTable> symbols) : symbols_(std::move(symbols)) {}

    size_t rows() const { return offsets_.size() - 1; }
    std::span<const LabelPair> row(size_t i) const {
        return {pairs_.data() + offsets_[i], pairs_.data() + offsets_[i + 1]};
    }
    std::string_view text(uint32_t symbol) const { return symbols_->get(symbol); }
    const std::shared_ptr<SymbolTable>& symbols() const { return symbols_; }

    // Value of a label in a row; empty when absent (an absent label and an empty one are the same).
    std::string_view value(size_t row, std::string_view name) const;

    void reserve(size_t rows, size_t pairs);
    // `pairs` use this table's ids and are already sorted by name.
    void add_row(std::span<const LabelPair> pairs);
    // Interns, sorts by name and drops empty values. Names must be unique.
    void add_row(std::span<const std::pair<std::string_view, std::string_view>> pairs);

  private:
    std::shared_ptr<SymbolTable> symbols_;
    std::vector<LabelPair> pairs_;
    std::vector<uint64_t> offsets_{0};
};

// Copies rows of one table into another, hashing each distinct string only once.
class SymbolMapper {
  public:
    SymbolMapper(const SymbolTable& from, SymbolTable& to) : from_(from), to_(to) {}
    uint32_t operator()(uint32_t id);
    LabelPair operator()(LabelPair p) { return {(*this)(p.name), (*this)(p.value)}; }

  private:
    const SymbolTable& from_;
    SymbolTable& to_;
    std::vector<uint32_t> map_;
};

// Three-way comparison in Prometheus' label order: pair by pair, name then value (bytes), shorter first.
int compare_rows(const LabelSets& a, size_t i, const LabelSets& b, size_t j);

// The union of tables whose rows are in label order, in label order; equal rows become one. Inputs may use
// different symbol tables; the result uses a new one.
LabelSets merge_label_sets(std::span<const LabelSets* const> tables);

}  // namespace narthex
