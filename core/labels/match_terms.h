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

// A walk through an ascending list (size() and operator[]) that only goes forward. It gallops, so that few
// questions to a long list cost its logarithm each.
template <typename List>
class SortedWalk {
  public:
    explicit SortedWalk(const List& list) : list_(list), size_(list.size()) {}

    // Whether the list has `id`. Ids must come in ascending order.
    template <typename Id>
    bool has(Id id) {
        size_t step = 1;
        while (at_ + step < size_ && list_[at_ + step] < id) step *= 2;
        size_t low = at_ + step / 2, high = std::min(size_, at_ + step + 1);
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (list_[middle] < id) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        at_ = low;
        return at_ < size_ && list_[at_] == id;
    }

  private:
    const List& list_;
    size_t size_;
    size_t at_ = 0;
};

// Keeps the ids of `a` that are (keep == true) or are not (keep == false) in `b`. Both ascending.
template <typename Id>
void filter_sorted(std::vector<Id>& a, std::span<const Id> b, bool keep) {
    SortedWalk walk(b);
    std::erase_if(a, [&](Id id) { return walk.has(id) != keep; });
}

inline constexpr size_t kLookUp = 16;  // numbers that can be copied while one is looked up

// Keeps the ids for which a term holds, or with `term.exclude` does not hold what it names. `count` as the
// source gives it.
template <typename Source>
void narrow(const Source& source, const MatchTerm& term, size_t count,
            std::vector<typename Source::Id>& ids) {
    using Id = typename Source::Id;
    const size_t lists = term.values.size() + term.ids.size();
    if (term.every || count / kLookUp <= lists * ids.size()) {
        std::vector<Id> named;
        source.collect(term, named);
        sort_unique(named);
        return filter_sorted<Id>(ids, named, !term.exclude);
    }
    std::vector<bool> found(ids.size());
    source.each_list(term, [&](const auto& list) {
        SortedWalk walk(list);
        for (size_t i = 0; i < ids.size(); ++i) {
            if (walk.has(ids[i])) found[i] = true;
        }
    });
    size_t kept = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
        if (found[i] != term.exclude) ids[kept++] = ids[i];
    }
    ids.resize(kept);
}

// Ids of the series for which all terms hold, ascending. With no including term the start is every series.
// A Source has: `using Id`; `size_t count(const MatchTerm&)`, an upper bound of how many ids collect() adds;
// `void collect(const MatchTerm&, std::vector<Id>&)`, which appends ids in any order, ignoring `exclude`;
// `void each_list(const MatchTerm&, use)`, which gives the ascending lists that make up the same ids;
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
    std::vector<Id> ids;
    if (including.empty()) {
        source.collect_all(ids);
    } else {
        source.collect(*including[0].term, ids);
        sort_unique(ids);
    }
    for (size_t i = 1; i < including.size() && !ids.empty(); ++i)
        narrow(source, *including[i].term, including[i].count, ids);
    for (const Step& step : excluding) {
        if (!ids.empty()) narrow(source, *step.term, step.count, ids);
    }
    return ids;
}

}  // namespace narthex
