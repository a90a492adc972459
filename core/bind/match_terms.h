// Match terms as Python gives them: (name, values, exclude); values are texts, ids as a uint32 array, or None
// for every value.
#pragma once

#include <nanobind/ndarray.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "bind/cells.h"
#include "labels/match_terms.h"

using PyTermValues = std::variant<std::monostate, Column<uint32_t>, std::vector<std::string_view>>;
using PyMatchTerms = std::vector<std::tuple<std::string_view, PyTermValues, bool>>;

// The result points into the arguments and the Python objects behind them, which the caller keeps alive.
inline std::vector<narthex::MatchTerm> to_match_terms(const PyMatchTerms& terms) {
    std::vector<narthex::MatchTerm> out;
    for (const auto& [name, values, exclude] : terms) {
        narthex::MatchTerm term{name};
        term.exclude = exclude;
        term.every = std::holds_alternative<std::monostate>(values);
        if (const auto* ids = std::get_if<Column<uint32_t>>(&values)) term.ids = view(*ids);
        if (const auto* texts = std::get_if<std::vector<std::string_view>>(&values)) term.values = *texts;
        out.push_back(std::move(term));
    }
    return out;
}
