// Label sets as keys: grouping rows for aggregations, pairing rows for binary operators, finding equal rows.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "labels/label_sets.h"

namespace narthex {

// Which labels of a row make its key: those named (keep), or all but those named.
struct KeyLabels {
    std::vector<std::string_view> names;
    bool keep = false;
};

// ids[row] is a group; groups are numbered in the order in which rows show them. `labels` has a row a group
// and shares the input's symbol table.
struct Groups {
    std::vector<uint32_t> ids;
    LabelSets labels;
};
Groups group_rows(const LabelSets& rows, const KeyLabels& key);

// Rows of two tables with equal keys get equal ids (0 to count - 1).
struct Matching {
    std::vector<uint32_t> left;
    std::vector<uint32_t> right;
    uint32_t count = 0;
};
Matching match_rows(const LabelSets& left, const LabelSets& right, const KeyLabels& key);

// The label sets of a binary operation's results. Row i joins `many` row many_rows[i] and `one` row
// one_rows[i]; -1 stands for a side that was filled in: its labels are the key labels of the other.
struct JoinSpec {
    KeyLabels key;
    bool restrict = false;  // one-to-one: of the many side's labels only those of `kept` stay
    KeyLabels kept;
    bool drop_name = false;
    std::vector<std::string_view> include;  // copied (or removed) as on the one side
};
LabelSets join_labels(const LabelSets& many, std::span<const int64_t> many_rows, const LabelSets& one,
                      std::span<const int64_t> one_rows, const JoinSpec& spec);

}  // namespace narthex
