#include "labels/label_sets.h"

#include <algorithm>

namespace narthex {

std::string_view LabelSets::value(size_t i, std::string_view name) const {
    for (LabelPair p : row(i)) {
        if (text(p.name) == name) return text(p.value);
    }
    return {};
}

void LabelSets::reserve(size_t rows, size_t pairs) {
    offsets_.reserve(offsets_.size() + rows);
    pairs_.reserve(pairs_.size() + pairs);
}

void LabelSets::add_row(std::span<const LabelPair> pairs) {
    pairs_.insert(pairs_.end(), pairs.begin(), pairs.end());
    offsets_.push_back(pairs_.size());
}

void LabelSets::add_row(std::span<const std::pair<std::string_view, std::string_view>> pairs) {
    size_t first = pairs_.size();
    for (const auto& [name, value] : pairs) {
        if (!value.empty()) pairs_.push_back({symbols_->intern(name), symbols_->intern(value)});
    }
    std::sort(pairs_.begin() + static_cast<ptrdiff_t>(first), pairs_.end(),
              [this](LabelPair a, LabelPair b) { return text(a.name) < text(b.name); });
    offsets_.push_back(pairs_.size());
}

uint32_t SymbolMapper::operator()(uint32_t id) {
    if (id >= map_.size()) map_.resize(from_.size(), SymbolTable::kNone);
    uint32_t& to = map_[id];
    if (to == SymbolTable::kNone) to = to_.intern(from_.get(id));
    return to;
}

int compare_rows(const LabelSets& a, size_t i, const LabelSets& b, size_t j) {
    auto x = a.row(i), y = b.row(j);
    bool shared = a.symbols() == b.symbols();
    for (size_t k = 0; k < std::min(x.size(), y.size()); ++k) {
        if (!shared || x[k].name != y[k].name) {
            int c = a.text(x[k].name).compare(b.text(y[k].name));
            if (c != 0) return c;
        }
        if (!shared || x[k].value != y[k].value) {
            int c = a.text(x[k].value).compare(b.text(y[k].value));
            if (c != 0) return c;
        }
    }
    return x.size() < y.size() ? -1 : x.size() > y.size() ? 1 : 0;
}

LabelSets merge_label_sets(std::span<const LabelSets* const> tables) {
    LabelSets out;
    std::vector<SymbolMapper> mappers;
    std::vector<size_t> next(tables.size(), 0);
    for (const LabelSets* t : tables) mappers.emplace_back(*t->symbols(), *out.symbols());
    std::vector<LabelPair> pairs;
    while (true) {
        size_t best = tables.size();
        for (size_t k = 0; k < tables.size(); ++k) {
            if (next[k] == tables[k]->rows()) continue;
            if (best == tables.size() || compare_rows(*tables[k], next[k], *tables[best], next[best]) < 0)
                best = k;
        }
        if (best == tables.size()) return out;
        pairs.clear();
        size_t row = next[best];
        for (LabelPair p : tables[best]->row(row)) pairs.push_back(mappers[best](p));
        out.add_row(pairs);
        for (size_t k = 0; k < tables.size(); ++k) {
            if (next[k] < tables[k]->rows() && compare_rows(*tables[k], next[k], *tables[best], row) == 0)
                ++next[k];
        }
    }
}

}  // namespace narthex
