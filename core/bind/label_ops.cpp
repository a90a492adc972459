// Columns of label sets: grouping, matching, sorting, changing.
#include "query/label_ops.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "bind/arrays.h"
#include "bind/cells.h"
#include "bind/module.h"
#include "bind/text.h"
#include "query/grouping.h"

using namespace narthex;

namespace {

using Names = std::vector<std::string_view>;

void bind_keys(nb::module_& m) {
    m.def(
        "group_rows",
        [](const LabelSets& rows, const Names& names, bool keep) {
            Groups groups;
            {
                nb::gil_scoped_release release;
                groups = group_rows(rows, {names, keep});
            }
            auto ids = to_numpy(std::move(groups.ids));
            return nb::make_tuple(ids, std::move(groups.labels));
        },
        nb::arg("rows"), nb::arg("names"), nb::arg("keep"));
    m.def(
        "match_rows",
        [](const LabelSets& left, const LabelSets& right, const Names& names, bool keep) {
            Matching out;
            {
                nb::gil_scoped_release release;
                out = match_rows(left, right, {names, keep});
            }
            return nb::make_tuple(to_numpy(std::move(out.left)), to_numpy(std::move(out.right)), out.count);
        },
        nb::arg("left"), nb::arg("right"), nb::arg("names"), nb::arg("keep"));
    m.def(
        "join_labels",
        [](const LabelSets& many, Column<int64_t> many_rows, const LabelSets& one, Column<int64_t> one_rows,
           const Names& names, bool keep, const std::optional<Names>& kept, bool drop_name,
           const Names& include) {
            nb::gil_scoped_release release;
            JoinSpec spec{
                {names, keep}, kept.has_value(), {kept.value_or(Names{}), keep}, drop_name, include};
            return join_labels(many, view(many_rows), one, view(one_rows), spec);
        },
        nb::arg("many"), nb::arg("many_rows"), nb::arg("one"), nb::arg("one_rows"), nb::arg("names"),
        nb::arg("keep"), nb::arg("kept").none(), nb::arg("drop_name"), nb::arg("include"));
}

}  // namespace

void bind_label_ops(nb::module_& m) {
    bind_keys(m);
    m.def(
        "take_rows",
        [](const LabelSets& rows, Column<int64_t> order) { return take_rows(rows, view(order)); },
        nb::arg("rows"), nb::arg("order"));
    m.def(
        "concat_rows", [](const std::vector<const LabelSets*>& tables) { return concat_rows(tables); },
        nb::arg("tables"));
    m.def(
        "sorted_rows",
        [](const LabelSets& rows) {
            std::vector<int64_t> order;
            {
                nb::gil_scoped_release release;
                order = sorted_rows(rows);
            }
            return to_numpy(std::move(order));
        },
        nb::arg("rows"));
    m.def(
        "remove_labels",
        [](const LabelSets& rows, const Names& names, std::optional<Column<uint8_t>> flags) {
            return remove_labels(rows, names, flags ? view(*flags) : std::span<const uint8_t>{});
        },
        nb::arg("rows"), nb::arg("names"), nb::arg("flags") = nb::none());
    m.def(
        "label_column",
        [](const LabelSets& rows, std::string_view name) {
            LabelColumn column = label_column(rows, name);
            nb::list values = texts(column.values);
            return nb::make_tuple(to_numpy(std::move(column.ids)), values);
        },
        nb::arg("rows"), nb::arg("name"));
    m.def(
        "set_label",
        [](const LabelSets& rows, std::string_view name, Column<uint32_t> ids,
           const std::vector<std::optional<std::string>>& values) {
            return set_label(rows, name, view(ids), values);
        },
        nb::arg("rows"), nb::arg("name"), nb::arg("ids"), nb::arg("values"));
    m.def(
        "join_label",
        [](const LabelSets& rows, std::string_view target, std::string_view separator, const Names& sources,
           QueryBudget& budget) { return join_label(rows, target, separator, sources, budget); },
        nb::arg("rows"), nb::arg("target"), nb::arg("separator"), nb::arg("sources"), nb::arg("budget"));
    m.def(
        "stable_hashes", [](const LabelSets& rows) { return to_numpy(stable_hashes(rows)); },
        nb::arg("rows"));
}
