// The series of a head and every way to find one. Append-only; a truncation that loses series builds a new
// one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "head/extras.h"
#include "head/postings.h"
#include "head/series.h"
#include "labels/label_sets.h"
#include "labels/match_terms.h"
#include "labels/symbols.h"

namespace narthex {

struct SeriesTable {
    std::shared_ptr<SymbolTable> symbols = std::make_shared<SymbolTable>();
    PagedVector<Series, 1024> series;
    NameSets names;
    ValueArena values;
    HashIndex by_hash;
    RefMap by_ref;
    Postings postings;
    SeriesExtras extras;

    uint32_t find(std::span<const LabelPair> pairs, uint32_t hash) const;
    // Adds a series that find() does not know; slots are dense and ascend.
    uint32_t add(uint64_t ref, std::span<const LabelPair> pairs, uint32_t hash);
    // Takes over a series of another table, chunks and extra included.
    void adopt(SeriesTable& from, const Series& s, SymbolMapper& map);

    // Appends the pairs of a series, sorted by name.
    void pairs_of(const Series& s, std::vector<LabelPair>& out) const;
    size_t label_count(const Series& s) const { return names.get(s.names).size(); }
};

// The postings of the first `bound` series, in the form that match_series wants.
class TableSource {
  public:
    using Id = uint32_t;
    TableSource(const SeriesTable& table, uint32_t bound) : table_(table), bound_(bound) {}
    size_t count(const MatchTerm& term) const;
    void collect(const MatchTerm& term, std::vector<Id>& out) const;
    void collect_all(std::vector<Id>& out) const;

  private:
    template <typename Use>
    void each(const MatchTerm& term, Use&& use) const;

    const SeriesTable& table_;
    uint32_t bound_;
};

}  // namespace narthex
