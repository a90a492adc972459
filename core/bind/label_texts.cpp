// Lists of label names or values, values in the form in which patterns are matched, and both as JSON.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/cells.h"
#include "bind/module.h"
#include "bind/text.h"
#include "json/label_sets.h"
#include "labels/value_texts.h"

using namespace narthex;

namespace {

// The documents are made without the GIL and copied once.
template <typename Make>
nb::bytes made(Make&& make) {
    std::string out;
    {
        nb::gil_scoped_release release;
        out = make();
    }
    return nb::bytes(out.data(), out.size());
}

void bind_texts(nb::module_& m) {
    nb::class_<TextList>(m, "TextList")
        .def(
            "__init__",
            [](TextList* self, std::vector<std::string_view> texts, size_t limit) {
                new (self) TextList(std::move(texts), limit);
            },
            nb::arg("texts"), nb::arg("limit") = 0)
        .def("__len__", &TextList::size)
        .def(
            "__getitem__",
            [](const TextList& t, size_t i) {
                if (i >= t.size()) throw nb::index_error("no such text");
                return text(t[i]);
            },
            nb::arg("index"))
        .def("__eq__",
             [](const TextList& t, nb::handle other) -> nb::object {
                 if (!nb::isinstance<nb::sequence>(other)) return nb::borrow(Py_NotImplemented);
                 return nb::bool_(nb::list(nb::cast(&t, nb::rv_policy::reference)).equal(nb::list(other)));
             })
        .def(
            "json",
            [](const TextList& t, size_t limit) { return made([&] { return texts_json(t, limit); }); },
            nb::arg("limit") = 0)
        .def_static(
            "merge",
            [](const std::vector<const TextList*>& lists, size_t limit) {
                nb::gil_scoped_release release;
                return merge_texts(lists, limit);
            },
            nb::arg("lists"), nb::arg("limit") = 0);
}

void bind_value_texts(nb::module_& m) {
    using Alternative = std::pair<std::vector<std::string>, std::vector<uint8_t>>;
    nb::class_<ValueTexts>(m, "ValueTexts")
        .def(nb::init<>())
        .def(
            "add", [](ValueTexts& t, std::string_view value, uint32_t id) { t.add(value, id); },
            nb::arg("value"), nb::arg("id"))
        .def("__len__", &ValueTexts::size)
        .def_rw("seen", &ValueTexts::seen)
        .def("text", [](const ValueTexts& t) { return nb::bytes(t.text().data(), t.text().size()); })
        .def("odd",
             [](const ValueTexts& t) {
                 nb::list out;
                 for (const auto& odd : t.odd()) out.append(nb::make_tuple(odd.id, text(odd.value)));
                 return out;
             })
        .def(
            "matching",
            [](const ValueTexts& t, const std::vector<Alternative>& alternatives, bool negate) {
                std::vector<uint32_t> out;
                {
                    nb::gil_scoped_release release;
                    std::vector<Wildcard> wildcards;
                    for (const auto& [literals, gaps] : alternatives) {
                        if (gaps.size() != literals.size() + 1)
                            throw std::invalid_argument("a gap on each side of a literal is needed");
                        Wildcard w{literals, {}};
                        for (uint8_t gap : gaps) w.gaps.push_back(static_cast<Gap>(gap));
                        wildcards.push_back(std::move(w));
                    }
                    out = t.matching(wildcards, negate);
                }
                return to_numpy(std::move(out));
            },
            nb::arg("alternatives"), nb::arg("negate"))
        .def(
            "within",
            [](const ValueTexts& t, Column<int64_t> spans, Column<uint32_t> odd, bool negate) {
                return to_numpy(t.within(view(spans), view(odd), negate));
            },
            nb::arg("spans"), nb::arg("odd"), nb::arg("negate"));
}

}  // namespace

void bind_label_texts(nb::module_& m) {
    bind_texts(m);
    bind_value_texts(m);
    m.def(
        "rows_json",
        [](const LabelSets& rows, size_t row, size_t last, size_t bytes) {
            auto document = made([&] {
                std::string out;
                out.reserve(bytes + bytes / 8);
                row = rows_json(rows, row, last, bytes, out);
                return out;
            });
            return nb::make_tuple(document, row);
        },
        nb::arg("rows"), nb::arg("row"), nb::arg("last"), nb::arg("bytes"));
}
