#include "head/table.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace narthex {

uint32_t SeriesTable::add(uint64_t ref, std::span<const LabelPair> pairs, uint32_t hash) {
    uint32_t slot = LabelTable<Series>::add(ref, pairs, hash);
    for (LabelPair p : pairs) postings.add(p, slot);
    return slot;
}

void SeriesTable::forget(Series& s) {
    by_ref.set(s.ref, RefMap::kNone);
    extras.release(s);
    s.ref = 0;
}

void SeriesTable::add_labels_of(const SeriesTable& from, const Series& s, SymbolMapper& map) {
    if (s.ref == 0) return;
    std::vector<LabelPair> pairs;
    from.pairs_of(s, pairs);
    for (LabelPair& p : pairs) p = map(p);
    add(s.ref, pairs, hash_pairs(pairs));
}

void SeriesTable::take_samples(SeriesTable& from) {
    size_t slot = 0;
    for (size_t i = 0; i < from.series.size(); ++i) {
        const Series& s = from.series[i];
        if (s.ref == 0) continue;
        Series& mine = series[slot++];
        Series copy = s;
        copy.hash = mine.hash;
        copy.names = mine.names;
        copy.values = mine.values;
        mine = copy;
    }
    extras = std::move(from.extras);
}

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

size_t TableSource::count(const MatchTerm& term) const {
    if (term.every) return table_.postings.slots_of(table_.symbols->find(term.name));
    size_t n = 0;
    each(term, [&](std::span<const uint32_t> slots) { n += slots.size(); });
    return n;
}

void TableSource::collect(const MatchTerm& term, std::vector<Id>& out) const {
    each(term, [&](std::span<const uint32_t> slots) {
        auto end = slots.empty() || slots.back() < bound_
                       ? slots.end()
                       : std::lower_bound(slots.begin(), slots.end(), bound_);
        out.insert(out.end(), slots.begin(), end);
    });
}

bool TableSource::covers(const MatchTerm& term) const {
    return term.every && count(term) == table_.series.size();
}

void TableSource::collect_all(std::vector<Id>& out) const {
    size_t n = std::min<size_t>(bound_, table_.series.size());
    out.resize(n);
    std::iota(out.begin(), out.end(), Id{0});
}

}  // namespace narthex
