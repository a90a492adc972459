// The series of a head and every way to find one. Append-only but for forget(); a truncation that loses
// series builds a new one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "head/extras.h"
#include "head/label_table.h"
#include "head/postings.h"
#include "head/series.h"
#include "labels/label_sets.h"
#include "labels/match_terms.h"
#include "labels/symbols.h"

namespace narthex {

struct SeriesTable : LabelTable<Series> {
    Postings postings;
    SeriesExtras extras;

    // Adds a series that find() does not know.
    uint32_t add(uint64_t ref, std::span<const LabelPair> pairs, uint32_t hash);
    // Takes the reference from a series, so that it is found no more, and its extra. The rest of it stays.
    void forget(Series& s);
    // Adds the labels of a series of another table, unless it is forgotten there.
    void add_labels_of(const SeriesTable& from, const Series& s, SymbolMapper& map);
    // Moves everything else of all series of another table here, where their labels are already.
    void take_samples(SeriesTable& from);
};

// The postings of the first `bound` series, in the form that match_series wants. Values are numbered by their
// postings; a number that there is not throws std::out_of_range.
class TableSource {
  public:
    using Id = uint32_t;
    TableSource(const SeriesTable& table, uint32_t bound) : table_(table), bound_(bound) {}
    size_t count(const MatchTerm& term) const;
    void collect(const MatchTerm& term, std::vector<Id>& out) const;
    bool covers(const MatchTerm& term) const;
    void collect_all(std::vector<Id>& out) const;
    // Calls use(slots) for each value that a term names.
    template <typename Use>
    void each_list(const MatchTerm& term, Use&& use) const {
        each(term, [&](std::span<const uint32_t> slots) {
            auto end = slots.empty() || slots.back() < bound_
                           ? slots.end()
                           : std::lower_bound(slots.begin(), slots.end(), bound_);
            use(std::span(slots.begin(), end));
        });
    }

  private:
    // The same with slots beyond the bound.
    template <typename Use>
    void each(const MatchTerm& term, Use&& use) const;

    const SeriesTable& table_;
    uint32_t bound_;
};

template <typename Use>
void TableSource::each(const MatchTerm& term, Use&& use) const {
    uint32_t name = table_.symbols->find(term.name);
    if (name == SymbolTable::kNone) return;
    if (term.every) {
        for (uint32_t id : table_.postings.values(name)) use(table_.postings.posting(id).slots.get());
        return;
    }
    for (uint32_t id : term.ids) {
        if (id >= table_.postings.pairs()) throw std::out_of_range("no such label value");
        use(table_.postings.posting(id).slots.get());
    }
    for (std::string_view text : term.values) {
        uint32_t value = table_.symbols->find(text);
        if (value == SymbolTable::kNone) continue;
        if (const Posting* p = table_.postings.find(name, value)) use(p->slots.get());
    }
}

}  // namespace narthex
