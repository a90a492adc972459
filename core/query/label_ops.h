// Label sets as columns: taking, sorting, joining and changing rows. Every function gives a new LabelSets;
// those that need no new text share the input's symbol table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "labels/label_sets.h"
#include "query/budget.h"

namespace narthex {

LabelSets take_rows(const LabelSets& rows, std::span<const int64_t> order);

// All rows of all tables in order.
LabelSets concat_rows(std::span<const LabelSets* const> tables);

// Row numbers in label order (compare_rows); equal rows keep their order.
std::vector<int64_t> sorted_rows(const LabelSets& rows);

// Without the named labels in rows whose flag is set (in all rows when `flags` is empty).
LabelSets remove_labels(const LabelSets& rows, std::span<const std::string_view> names,
                        std::span<const uint8_t> flags);

// One label as a dictionary column: values[ids[row]] is its value, "" where it is absent.
struct LabelColumn {
    std::vector<uint32_t> ids;
    std::vector<std::string_view> values;
};
LabelColumn label_column(const LabelSets& rows, std::string_view name);

// Sets label `name` of every row to values[ids[row]]; "" removes it, no value keeps what is there.
LabelSets set_label(const LabelSets& rows, std::string_view name, std::span<const uint32_t> ids,
                    std::span<const std::optional<std::string>> values);

// Sets `target` to the values of `sources` joined by `separator`; the new text is held.
LabelSets join_label(const LabelSets& rows, std::string_view target, std::string_view separator,
                     std::span<const std::string_view> sources, QueryBudget& budget);

// The hash on which limit_ratio decides: xxHash64 (seed 0) over every name and value, each with its length
// before it as Prometheus' string-backed labels hold them.
std::vector<uint64_t> stable_hashes(const LabelSets& rows);

}  // namespace narthex
