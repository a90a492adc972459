#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "json/label_sets.h"
#include "labels/text_list.h"
#include "labels/value_texts.h"
#include "labels/word_sort.h"

using namespace narthex;

namespace {

std::vector<std::string> random_texts(size_t n, uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<std::string> out;
    for (size_t i = 0; i < n; ++i) {
        std::string text(random() % 4 == 0 ? 14 : 0, 'x');
        for (size_t k = random() % 10; k > 0; --k) text += "ab\0\xff"[random() % 4];
        out.push_back(text);
    }
    return out;
}

std::vector<std::string> list(const TextList& texts) {
    std::vector<std::string> out;
    for (size_t i = 0; i < texts.size(); ++i) out.emplace_back(texts[i]);
    return out;
}

}  // namespace

TEST_CASE("texts sort by bytes whatever their length and content") {
    auto texts = random_texts(2000, 1);
    std::vector<std::string_view> views(texts.begin(), texts.end());
    auto order = text_order(views);
    REQUIRE(order.size() == texts.size());
    for (size_t i = 1; i < order.size(); ++i) CHECK(views[order[i - 1]] <= views[order[i]]);
    std::sort(order.begin(), order.end());
    for (uint32_t i = 0; i < order.size(); ++i) REQUIRE(order[i] == i);
    CHECK(text_order({}).empty());
}

TEST_CASE("long equal texts need no deep stack") {
    std::string text(2'000'000, 'a');
    std::vector<std::string_view> views{text, text, std::string_view(text).substr(1)};
    CHECK(text_order(views)[0] == 2);
}

TEST_CASE("a list of texts is a sorted set, cut at a limit") {
    auto texts = random_texts(500, 2);
    std::vector<std::string_view> views(texts.begin(), texts.end());
    auto want = texts;
    std::sort(want.begin(), want.end());
    want.erase(std::unique(want.begin(), want.end()), want.end());
    CHECK(list(TextList(views)) == want);
    for (size_t limit : {size_t{1}, size_t{5}, size_t{60}, want.size(), want.size() + 1}) {
        TextList cut(views, limit);
        CHECK(list(cut) ==
              std::vector<std::string>(want.begin(),
                                       want.begin() + static_cast<ptrdiff_t>(std::min(limit, want.size()))));
    }
}

TEST_CASE("lists merge to their union, cut at a limit") {
    TextList a({"b", "a", "d"}), b({"c", "d"}), none;
    std::vector<const TextList*> all{&a, &b, &none};
    CHECK(list(merge_texts(all, 0)) == std::vector<std::string>{"a", "b", "c", "d"});
    CHECK(list(merge_texts(all, 3)) == std::vector<std::string>{"a", "b", "c"});
    CHECK(texts_json(a, 0) == R"(["a","b","d"])");
    CHECK(texts_json(a, 2) == R"(["a","b"])");
    CHECK(texts_json(none, 2) == "[]");
}

TEST_CASE("rows are written in pieces that join") {
    LabelSets rows;
    for (std::string_view v : {"1", "2", "\"3"}) {
        std::vector<std::pair<std::string_view, std::string_view>> labels{{"a", v}};
        rows.add_row(labels);
    }
    std::string all, whole;
    size_t row = 0;
    while (row < 3) {
        std::string piece;
        row = rows_json(rows, row, 3, 1, piece);
        all += piece;
    }
    CHECK(rows_json(rows, 0, 99, 1000, whole) == 3);
    CHECK(whole == R"({"a":"1"},{"a":"2"},{"a":"\"3"})");
    CHECK(all == whole);
}

TEST_CASE("wildcards match around their gaps") {
    Wildcard middle{{"ab", "b"}, {Gap::kNone, Gap::kSome, Gap::kNone}};
    CHECK(middle.matches("abxb"));
    CHECK(middle.matches("abbb"));
    CHECK_FALSE(middle.matches("abb"));
    CHECK_FALSE(middle.matches("ab"));
    Wildcard overlap{{"aba", "aba"}, {Gap::kNone, Gap::kAny, Gap::kNone}};
    CHECK_FALSE(overlap.matches("ababa"));
    CHECK(overlap.matches("abaaba"));
    Wildcard inside{{"x", "y"}, {Gap::kAny, Gap::kAny, Gap::kSome}};
    CHECK(inside.matches("axbyc"));
    CHECK_FALSE(inside.matches("axby"));
    CHECK_FALSE(inside.matches("yx."));
    CHECK(Wildcard{{}, {Gap::kNone}}.matches(""));
    CHECK_FALSE(Wildcard{{}, {Gap::kNone}}.matches("a"));
    CHECK_FALSE(Wildcard{{}, {Gap::kSome}}.matches(""));
    CHECK(Wildcard{{}, {Gap::kAny}}.matches(""));
}

TEST_CASE("values that could be mistaken for a break are kept apart") {
    ValueTexts texts;
    for (uint32_t i = 0; std::string_view v : {"a", "a\nb", "\xff", "c"}) texts.add(v, i++ * 2);
    CHECK(texts.size() == 4);
    CHECK(texts.text() == "a\n\xff\nc\n\xff\n");
    REQUIRE(texts.odd().size() == 2);
    CHECK(texts.odd()[1].id == 4);
    std::vector<Wildcard> with_a{{{"a"}, {Gap::kNone, Gap::kAny}}};
    CHECK(texts.matching(with_a, false) == std::vector<uint32_t>{0, 2});
    CHECK(texts.matching(with_a, true) == std::vector<uint32_t>{4, 6});
    std::vector<int64_t> spans{4, 8};
    std::vector<uint32_t> odd{2};
    CHECK(texts.within(spans, odd, false) == std::vector<uint32_t>{2, 6});
    CHECK(texts.within(spans, odd, true) == std::vector<uint32_t>{0, 4});
    std::vector<int64_t> wild{-5, 900, 3, 1};
    CHECK(texts.within(wild, {}, false).size() <= 2);
}
