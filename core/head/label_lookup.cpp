// Names and values of labels, without and with conditions on the series.
#include <algorithm>

#include "head/head.h"

namespace narthex {

namespace {

// Which of the label's values a series has, by the number of its combination of names.
class ValuePosition {
  public:
    explicit ValuePosition(uint32_t name) : name_(name) {}

    // kNone: the series does not have the label.
    uint32_t value(const SeriesTable& table, const Series& s) {
        if (s.names >= known_.size()) known_.resize(table.names.size(), kUnknown);
        uint32_t& at = known_[s.names];
        if (at == kUnknown) {
            auto names = table.names.get(s.names);
            auto found = std::find(names.begin(), names.end(), name_);
            at = found == names.end() ? kAbsent : static_cast<uint32_t>(found - names.begin());
        }
        return at == kAbsent ? SymbolTable::kNone : s.values[at];
    }

  private:
    static constexpr uint32_t kUnknown = 0xffffffff, kAbsent = 0xfffffffe;
    uint32_t name_;
    std::vector<uint32_t> known_;
};

std::vector<bool> as_bits(std::span<const uint32_t> ascending) {
    std::vector<bool> bits(ascending.empty() ? 0 : ascending.back() + size_t{1});
    for (uint32_t slot : ascending) bits[slot] = true;
    return bits;
}

}  // namespace

ValueTexts Head::value_texts(std::string_view name, std::string_view prefix, size_t since) const {
    while (true) {
        ValueTexts out;
        uint64_t generation;
        uint32_t symbol;
        {
            std::shared_lock lock(mutex_);
            generation = generation_;
            symbol = table_.symbols->find(name);
            out.seen = table_.postings.values(symbol).size();
        }
        size_t from = std::min(since, out.seen);
        bool valid = in_slices(generation, out.seen - from, [&](size_t first, size_t last) {
            for (uint32_t id : table_.postings.values(symbol).subspan(from + first, last - first)) {
                std::string_view text = table_.symbols->get(table_.postings.posting(id).value);
                if (text.starts_with(prefix)) out.add(text, id);
            }
        });
        if (valid) return out;
    }
}

TextList Head::label_values(std::string_view name, size_t limit) const {
    while (true) {
        std::vector<std::string_view> texts;
        std::shared_ptr<SymbolTable> symbols;  // holds the texts
        uint64_t generation;
        uint32_t symbol;
        size_t count;
        {
            std::shared_lock lock(mutex_);
            generation = generation_;
            symbols = table_.symbols;
            symbol = symbols->find(name);
            count = table_.postings.values(symbol).size();
        }
        texts.reserve(count);
        bool valid = in_slices(generation, count, [&](size_t first, size_t last) {
            for (uint32_t id : table_.postings.values(symbol).subspan(first, last - first))
                texts.push_back(symbols->get(table_.postings.posting(id).value));
        });
        if (valid) return TextList(std::move(texts), limit);
    }
}

TextList Head::label_names(size_t limit) const {
    std::shared_lock lock(mutex_);
    std::vector<std::string_view> texts;
    for (uint32_t name : table_.postings.names()) texts.push_back(table_.symbols->get(name));
    return TextList(std::move(texts), limit);
}

bool Head::matching_names(HeadView view, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                          size_t limit, TextList& out) const {
    std::vector<uint32_t> slots;
    if (!match(view, terms, slots)) return false;
    std::vector<bool> combinations;
    size_t seen = 0;
    bool valid = in_slices(view.generation, slots.size(), [&](size_t first, size_t last) {
        combinations.resize(table_.names.size());
        for (size_t i = first; i < last && seen < combinations.size(); ++i) {
            const Series& s = table_.series[slots[i]];
            if (combinations[s.names] || !overlaps(s, mint, maxt)) continue;
            combinations[s.names] = true;
            ++seen;
        }
    });
    if (!valid) return false;
    std::shared_lock lock(mutex_);
    if (view.generation != generation_) return false;
    std::vector<uint32_t> names;
    for (uint32_t id = 0; id < combinations.size(); ++id) {
        if (!combinations[id]) continue;
        auto part = table_.names.get(id);
        names.insert(names.end(), part.begin(), part.end());
    }
    std::vector<std::string_view> texts;
    if (!names.empty()) sort_unique(names);
    for (uint32_t name : names) texts.push_back(table_.symbols->get(name));
    out = TextList(std::move(texts), limit);
    return true;
}

bool Head::matching_values(HeadView view, std::string_view name, std::span<const MatchTerm> terms,
                           int64_t mint, int64_t maxt, size_t limit, TextList& out) const {
    std::vector<uint32_t> slots, values;
    std::shared_ptr<SymbolTable> symbols;  // holds the texts
    uint32_t symbol;
    size_t count;
    bool everything;
    {
        std::shared_lock lock(mutex_);
        if (view.generation != generation_) return false;
        TableSource source(table_, view.series);
        everything = std::all_of(terms.begin(), terms.end(),
                                 [&](const MatchTerm& t) { return !t.exclude && source.covers(t); });
        if (!everything) slots = match_series(source, terms);
        symbols = table_.symbols;
        symbol = symbols->find(name);
        count = table_.postings.values(symbol).size();
    }
    // A value of few is there as soon as one of its many series matches.
    bool valid;
    if (everything) {
        valid = each_value(view, symbol, count, {}, mint, maxt, values);
    } else if (count * 16 < slots.size()) {
        valid = each_value(view, symbol, count, as_bits(slots), mint, maxt, values);
    } else {
        valid = each_series(view, symbol, slots, mint, maxt, values);
    }
    if (!valid) return false;
    if (!values.empty()) sort_unique(values);
    std::vector<std::string_view> texts;
    texts.reserve(values.size());
    {
        std::shared_lock lock(mutex_);
        for (uint32_t value : values) texts.push_back(symbols->get(value));
    }
    out = TextList(std::move(texts), limit);
    return true;
}

bool Head::each_value(HeadView view, uint32_t name, size_t count, const std::vector<bool>& matched,
                      int64_t mint, int64_t maxt, std::vector<uint32_t>& values) const {
    size_t bound = matched.empty() ? view.series : matched.size();
    return in_slices(view.generation, count, [&](size_t first, size_t last) {
        for (uint32_t id : table_.postings.values(name).subspan(first, last - first)) {
            const Posting& p = table_.postings.posting(id);
            auto of_value = p.slots.get();
            if (std::any_of(of_value.begin(), of_value.end(), [&](uint32_t slot) {
                    return slot < bound && (matched.empty() || matched[slot]) &&
                           overlaps(table_.series[slot], mint, maxt);
                }))
                values.push_back(p.value);
        }
    });
}

bool Head::each_series(HeadView view, uint32_t name, std::span<const uint32_t> slots, int64_t mint,
                       int64_t maxt, std::vector<uint32_t>& values) const {
    ValuePosition position(name);
    return in_slices(view.generation, slots.size(), [&](size_t first, size_t last) {
        for (size_t i = first; i < last; ++i) {
            const Series& s = table_.series[slots[i]];
            uint32_t value = position.value(table_, s);
            if (value != SymbolTable::kNone && overlaps(s, mint, maxt)) values.push_back(value);
        }
    });
}

}  // namespace narthex
