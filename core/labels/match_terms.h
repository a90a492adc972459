// Label matchers as storage sees them: every matcher, regular expressions included, has become a set of
// values of one label (tsdb/select.py plans them). Head and blocks answer them with the same set operations.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace narthex {

// exclude == false: the label must have one of the values. exclude == true: it must have none of them (so
// series without the label pass). Values are given as texts in `values`, or as numbers in `ids`, by which the
// source itself called them (ValueTexts); `every` stands for all that occur. No value is empty.
struct MatchTerm {
    std::string_view name;
    std::vector<std::string_view> values{};
    bool every = false;
    bool exclude = false;
    std::span<const uint32_t> ids{};
};

// Sorts ids and drops repetitions. Postings of a label's values are disjoint and dense, so a bitmap is mostly
// cheaper than sorting.
template <typename Id>
void sort_unique(std::vector<Id>& ids) {
    if (std::is_sorted(ids.begin(), ids.end())) {
        ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
        return;
    }
    auto [low, high] = std::minmax_element(ids.begin(), ids.end());
    Id base = *low;
    uint64_t range = static_cast<uint64_t>(*high - base) + 1;
    if (range / 64 > ids.size()) {
        std::sort(ids.begin(), ids.end());
        ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
        return;
    }
    std::vector<uint64_t> bits((range + 63) / 64);
    for (Id id : ids) bits[(id - base) >> 6] |= uint64_t{1} << ((id - base) & 63);
    ids.clear();
    for (size_t w = 0; w < bits.size(); ++w) {
        for (uint64_t word = bits[w]; word != 0; word &= word - 1) {
            ids.push_back(static_cast<Id>(base + w * 64 + static_cast<unsigned>(std::countr_zero(word))));
        }
    }
}

// Keeps the ids of `a` that are (keep == true) or are not (keep == false) in `b`. Both ascending. Gallops in
// b, so a short a costs O(a log b).
template <typename Id>
void filter_sorted(std::vector<Id>& a, std::span<const Id> b, bool keep) {
    size_t out = 0;
    const Id* at = b.data();
    const Id* end = at + b.size();
    for (Id id : a) {
        ptrdiff_t step = 1;
        while (step < end - at && at[step] < id) step *= 2;
        at = std::lower_bound(at + step / 2, at + std::min(end - at, step + 1), id);
        if ((at != end && *at == id) == keep) a[out++] = id;
    }
    a.resize(out);
}

// Ids of the series for which all terms hold, ascending. With no including term the start is every series.
// A Source has: `using Id`; `size_t count(const MatchTerm&)`, an upper bound of how many ids collect() adds;
// `void collect(const MatchTerm&, std::vector<Id>&)`, which appends ids in any order, ignoring `exclude`;
// `bool covers(const MatchTerm&)`, whether it is sure that the term names every series;
// `void collect_all(std::vector<Id>&)`.
template <typename Source>
std::vector<typename Source::Id> match_series(const Source& source, std::span<const MatchTerm> terms) {
    using Id = typename Source::Id;
    struct Step {
        const MatchTerm* term;
        size_t count;
    };
    std::vector<Step> including, excluding;
    for (const MatchTerm& term : terms) {
        if (!term.exclude && source.covers(term)) continue;
        (term.exclude ? excluding : including).push_back({&term, source.count(term)});
    }
    std::sort(including.begin(), including.end(),
              [](const Step& a, const Step& b) { return a.count < b.count; });
    std::vector<Id> ids, other;
    if (including.empty()) source.collect_all(ids);
    for (size_t i = 0; i < including.size(); ++i) {
        std::vector<Id>& into = i == 0 ? ids : other;
        into.clear();
        source.collect(*including[i].term, into);
        sort_unique(into);
        if (i > 0) filter_sorted<Id>(ids, other, true);
        if (ids.empty()) return ids;
    }
    for (const Step& step : excluding) {
        other.clear();
        source.collect(*step.term, other);
        sort_unique(other);
        filter_sorted<Id>(ids, other, false);
    }
    return ids;
}

}  // namespace narthex
