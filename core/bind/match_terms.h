// Match terms as Python gives them: (name, values or None for every value, exclude).
#pragma once

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "labels/match_terms.h"

using PyMatchTerms =
    std::vector<std::tuple<std::string_view, std::optional<std::vector<std::string_view>>, bool>>;

// The result points into the Python strings, which the caller's arguments keep alive.
inline std::vector<narthex::MatchTerm> to_match_terms(const PyMatchTerms& terms) {
    std::vector<narthex::MatchTerm> out;
    for (const auto& [name, values, exclude] : terms) {
        out.push_back({name, values.value_or(std::vector<std::string_view>{}), !values, exclude});
    }
    return out;
}
