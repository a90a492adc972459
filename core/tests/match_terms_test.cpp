#include "labels/match_terms.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

using namespace narthex;

namespace {

// Series i has label "a" with value digits[i] or none.
struct Table {
    using Id = uint32_t;
    std::vector<std::pair<uint32_t, int>> series;
    static constexpr std::string_view kDigits[] = {"0", "1", "2", "3"};

    bool has(const MatchTerm& term, int value) const {
        if (value < 0) return false;
        return term.every ||
               std::find(term.values.begin(), term.values.end(), kDigits[value]) != term.values.end();
    }
    size_t count(const MatchTerm& term) const {
        std::vector<Id> ids;
        collect(term, ids);
        return ids.size();
    }
    void collect(const MatchTerm& term, std::vector<Id>& out) const {
        for (auto it = series.rbegin(); it != series.rend(); ++it) {
            if (has(term, it->second)) out.push_back(it->first);
        }
    }
    template <typename Use>
    void each_list(const MatchTerm& term, Use&& use) const {
        for (int digit = 0; digit < 4; ++digit) {
            std::vector<Id> list;
            for (auto [id, value] : series) {
                if (value == digit && has(term, digit)) list.push_back(id);
            }
            use(list);
        }
    }
    bool covers(const MatchTerm& term) const { return count(term) == series.size(); }
    void collect_all(std::vector<Id>& out) const {
        for (auto [id, value] : series) out.push_back(id);
    }
};

}  // namespace

TEST_CASE("set operations on postings agree with asking every series") {
    std::mt19937 random(3);
    for (int round = 0; round < 3000; ++round) {
        Table table;
        std::set<uint32_t> ids;
        uint32_t range = round % 2 ? 500 : 0xffffffff;
        // Some tables have a rare value beside frequent ones: then ids are looked up instead of merged.
        bool rare = round % 4 >= 2;
        for (size_t i = random() % (rare ? 400 : 40); i > 0; --i)
            ids.insert(static_cast<uint32_t>(random() % range));
        for (uint32_t id : ids) {
            auto value = static_cast<int>(random() % 5) - 1;
            table.series.emplace_back(id, rare && value == 0 && random() % 50 ? 3 : value);
        }
        std::vector<MatchTerm> terms;
        for (size_t i = random() % 4; i > 0; --i) {
            MatchTerm term{"a", {}, random() % 4 == 0, random() % 2 == 0};
            for (auto digit : Table::kDigits) {
                if (!term.every && random() % 2 == 0) term.values.push_back(digit);
            }
            terms.push_back(term);
        }
        std::vector<uint32_t> want;
        for (auto [id, value] : table.series) {
            bool ok = true;
            for (const auto& term : terms) ok = ok && table.has(term, value) != term.exclude;
            if (ok) want.push_back(id);
        }
        REQUIRE(match_series(table, terms) == want);
    }
}
