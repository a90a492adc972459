#include <nanobind/stl/pair.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <string_view>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/module.h"
#include "bind/text.h"
#include "labels/label_sets.h"
#include "labels/row_index.h"

using narthex::LabelPair;
using narthex::LabelSets;

namespace {

size_t checked(const LabelSets& sets, size_t row) {
    if (row >= sets.rows()) throw nb::index_error("row out of range");
    return row;
}

nb::dict to_dict(const LabelSets& sets, size_t row) {
    nb::dict out;
    for (LabelPair p : sets.row(checked(sets, row))) out[text(sets.text(p.name))] = text(sets.text(p.value));
    return out;
}

// A growing table of distinct label sets.
class SeriesIndex {
  public:
    std::vector<uint32_t> add(const LabelSets& sets) {
        narthex::SymbolMapper map(*sets.symbols(), *rows_.symbols());
        std::vector<uint32_t> ids;
        ids.reserve(sets.rows());
        std::vector<LabelPair> pairs;
        for (size_t i = 0; i < sets.rows(); ++i) {
            pairs.clear();
            for (LabelPair p : sets.row(i)) pairs.push_back(map(p));
            ids.push_back(index_.find_or_add(pairs));
        }
        return ids;
    }
    const LabelSets& rows() const { return rows_; }

  private:
    LabelSets rows_;
    narthex::RowIndex index_{rows_};
};

}  // namespace

void bind_labels(nb::module_& m) {
    nb::class_<LabelSets>(m, "LabelSets")
        .def(nb::init<>())
        .def("__len__", &LabelSets::rows)
        .def("__getitem__", &to_dict, nb::arg("row"))
        .def("value", [](const LabelSets& s, size_t row,
                         std::string_view name) { return text(s.value(checked(s, row), name)); })
        .def_static(
            "merge",
            [](const std::vector<const LabelSets*>& tables) {
                nb::gil_scoped_release release;
                return narthex::merge_label_sets(tables);
            },
            nb::arg("tables"))
        .def(
            "add",
            [](LabelSets& s, const std::vector<std::pair<std::string_view, std::string_view>>& pairs) {
                s.add_row(pairs);
            },
            nb::arg("pairs"));
    nb::class_<SeriesIndex>(m, "SeriesIndex")
        .def(nb::init<>())
        .def(
            "add",
            [](SeriesIndex& index, const LabelSets& sets) {
                std::vector<uint32_t> ids;
                {
                    nb::gil_scoped_release release;
                    ids = index.add(sets);
                }
                return to_numpy(std::move(ids));
            },
            nb::arg("sets"))
        .def_prop_ro("labels", &SeriesIndex::rows, nb::rv_policy::reference_internal)
        .def("__len__", [](const SeriesIndex& index) { return index.rows().rows(); });
}
