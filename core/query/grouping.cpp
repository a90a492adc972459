#include "query/grouping.h"

#include <algorithm>
#include <stdexcept>

#include "labels/row_index.h"

namespace narthex {

namespace {

constexpr std::string_view kMetricName = "__name__";

// Key label names as symbol ids of one table, so that rows are told apart without comparing text.
class KeyFilter {
  public:
    KeyFilter(const KeyLabels& key, const SymbolTable& symbols) : keep_(key.keep) {
        for (std::string_view name : key.names) {
            uint32_t id = symbols.find(name);
            if (id != SymbolTable::kNone) ids_.push_back(id);
        }
    }
    bool operator()(uint32_t name) const {
        return (std::find(ids_.begin(), ids_.end(), name) != ids_.end()) == keep_;
    }

  private:
    std::vector<uint32_t> ids_;
    bool keep_;
};

void key_of(const LabelSets& rows, size_t row, const KeyFilter& filter, std::vector<LabelPair>& out) {
    out.clear();
    for (LabelPair p : rows.row(row)) {
        if (filter(p.name)) out.push_back(p);
    }
}

// Renames the symbols of one table to those of another; unknown ones get ids that the other table cannot
// have.
class Renaming {
  public:
    Renaming(const SymbolTable& from, const SymbolTable& to)
        : from_(from), to_(to), map_(&from == &to ? 0 : from.size(), kUnseen) {}

    uint32_t operator()(uint32_t id) {
        if (map_.empty()) return id;
        uint32_t& to = map_[id];
        if (to == kUnseen) {
            to = to_.find(from_.get(id));
            if (to == SymbolTable::kNone) to = 0x80000000u | id;
        }
        return to;
    }

  private:
    static constexpr uint32_t kUnseen = 0xfffffffe;
    const SymbolTable& from_;
    const SymbolTable& to_;
    std::vector<uint32_t> map_;
};

size_t checked(int64_t row, const LabelSets& rows) {
    if (row < 0 || static_cast<size_t>(row) >= rows.rows()) throw std::out_of_range("row out of range");
    return static_cast<size_t>(row);
}

}  // namespace

Groups group_rows(const LabelSets& rows, const KeyLabels& key) {
    Groups out{{}, LabelSets(rows.symbols())};
    out.ids.reserve(rows.rows());
    RowIndex index(out.labels);
    KeyFilter filter(key, *rows.symbols());
    std::vector<LabelPair> pairs;
    for (size_t i = 0; i < rows.rows(); ++i) {
        key_of(rows, i, filter, pairs);
        out.ids.push_back(index.find_or_add(pairs));
    }
    return out;
}

Matching match_rows(const LabelSets& left, const LabelSets& right, const KeyLabels& key) {
    Matching out;
    LabelSets keys(left.symbols());
    RowIndex index(keys);
    std::vector<LabelPair> pairs;
    KeyFilter left_filter(key, *left.symbols());
    out.left.reserve(left.rows());
    for (size_t i = 0; i < left.rows(); ++i) {
        key_of(left, i, left_filter, pairs);
        out.left.push_back(index.find_or_add(pairs));
    }
    KeyFilter right_filter(key, *right.symbols());
    Renaming rename(*right.symbols(), *left.symbols());
    out.right.reserve(right.rows());
    for (size_t i = 0; i < right.rows(); ++i) {
        key_of(right, i, right_filter, pairs);
        for (LabelPair& p : pairs) p = {rename(p.name), rename(p.value)};
        out.right.push_back(index.find_or_add(pairs));
    }
    out.count = static_cast<uint32_t>(keys.rows());
    return out;
}

LabelSets join_labels(const LabelSets& many, std::span<const int64_t> many_rows, const LabelSets& one,
                      std::span<const int64_t> one_rows, const JoinSpec& spec) {
    if (many_rows.size() != one_rows.size()) throw std::invalid_argument("row columns differ in length");
    LabelSets out;
    SymbolMapper from_many(*many.symbols(), *out.symbols());
    SymbolMapper from_one(*one.symbols(), *out.symbols());
    KeyFilter kept(spec.kept, *many.symbols()), one_key(spec.key, *one.symbols());
    uint32_t many_name = many.symbols()->find(kMetricName);
    std::vector<LabelPair> key, pairs;
    auto text = [&](LabelPair p) { return out.text(p.name); };
    auto in_key = [&](std::string_view name) {
        bool named = std::find(spec.key.names.begin(), spec.key.names.end(), name) != spec.key.names.end();
        return named == spec.key.keep;
    };
    for (size_t i = 0; i < many_rows.size(); ++i) {
        pairs.clear();
        if (many_rows[i] < 0) {
            key_of(one, checked(one_rows[i], one), one_key, key);
            for (LabelPair p : key) pairs.push_back(from_one(p));
        } else {
            for (LabelPair p : many.row(checked(many_rows[i], many))) {
                if (spec.restrict && !kept(p.name)) continue;
                if (spec.drop_name && p.name == many_name) continue;
                pairs.push_back(from_many(p));
            }
        }
        for (std::string_view name : spec.include) {
            std::erase_if(pairs, [&](LabelPair p) { return text(p) == name; });
            std::string_view value;
            if (one_rows[i] >= 0) {
                value = one.value(checked(one_rows[i], one), name);
            } else if (in_key(name)) {
                value = many.value(checked(many_rows[i], many), name);
            }
            if (value.empty()) continue;
            LabelPair added{out.symbols()->intern(name), out.symbols()->intern(value)};
            auto at = std::find_if(pairs.begin(), pairs.end(), [&](LabelPair p) { return text(p) > name; });
            pairs.insert(at, added);
        }
        out.add_row(pairs);
    }
    return out;
}

}  // namespace narthex
