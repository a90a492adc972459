#include "text/scrape_cache.h"

#include <doctest/doctest.h>

#include <bit>
#include <numeric>

#include "bytes/error.h"
#include "bytes/utf8.h"
#include "chunk/stale.h"
#include "text/number.h"

using namespace narthex;

namespace {

// Gives the unknown series references from `next` on.
void assign_all(ScrapeCache& cache, uint64_t next) {
    std::vector<uint64_t> refs(cache.unknown().size());
    std::iota(refs.begin(), refs.end(), next);
    std::vector<uint32_t> ids = cache.unknown();
    cache.assign(ids, refs);
}

}  // namespace

TEST_CASE("floats read by Go's rules") {
    CHECK(*parse_float("1") == 1);
    CHECK(*parse_float("+.5e1") == 5);
    CHECK(*parse_float("-Inf") == -std::numeric_limits<double>::infinity());
    CHECK(*parse_float("+infinity") == std::numeric_limits<double>::infinity());
    CHECK(std::bit_cast<uint64_t>(*parse_float("nan")) == kNormalNaNBits);
    CHECK(*parse_float("1e-400") == 0);
    CHECK(*parse_float("0.000000000000000000001e-310") == 0);
    CHECK(*parse_float("4.9e-324") == 5e-324);
    CHECK(*parse_float("0e99999999999999999999") == 0);
    CHECK(*parse_float("1.7976931348623157e308") == std::numeric_limits<double>::max());
    for (const char* bad : {"", "+", "-", ".", "e5", "1e", "1_0", "0x1p4", "0x10", "+nan", "--1", "1e400",
                            "1.8e308", "1 ", " 1", "in", "1.2.3", "nan(1)"}) {
        CHECK_MESSAGE(!parse_float(bad), bad);
    }
}

TEST_CASE("plain decimals agree with the full parser to the last bit") {
    uint64_t state = 1;
    for (int i = 0; i < 200000; ++i) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        std::string text = std::to_string(state >> (11 + state % 50));
        if (state & 4) text.insert(text.size() - state % (text.size() + 1), ".");
        if (state & 8) text.insert(0, "-");
        double value = 0;
        const char* after = parse_plain_decimal(text.data(), text.data() + text.size(), value);
        if (after == nullptr) continue;
        REQUIRE(after == text.data() + text.size());
        REQUIRE(std::bit_cast<uint64_t>(value) == std::bit_cast<uint64_t>(*parse_float(text)));
    }
}

TEST_CASE("le and quantile take OpenMetrics' float form") {
    CHECK(openmetrics_float(1) == "1.0");
    CHECK(openmetrics_float(0.5) == "0.5");
    CHECK(openmetrics_float(100000) == "100000.0");
    CHECK(openmetrics_float(1e6) == "1e+06");
    CHECK(openmetrics_float(0.0001) == "0.0001");
    CHECK(openmetrics_float(0.00001) == "1e-05");
    CHECK(openmetrics_float(123456.5) == "123456.5");
    CHECK(openmetrics_float(-std::numeric_limits<double>::infinity()) == "-Inf");
}

TEST_CASE("UTF-8 is checked to the letter") {
    CHECK(is_utf8("plain text that is longer than eight bytes"));
    CHECK(is_utf8("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    for (const char* bad :
         {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xc3", "\xe2\x82"}) {
        CHECK(!is_utf8(bad));
    }
    CHECK(valid_utf8_prefix("12345678\xff") == 8);
}

TEST_CASE("a known body needs no decisions and keeps its references") {
    ScrapeCache cache;
    std::string body = "# TYPE a histogram\na{le=\"1\"} 1\nb 2.5 77\n";
    CHECK(cache.scan(body, {.default_timestamp = 5}).unknown == 2);
    CHECK(cache.labels(cache.unknown()[0])[1].second == "1.0");
    assign_all(cache, 10);
    cache.commit();
    CHECK(cache.scan(body, {.default_timestamp = 6}).unknown == 0);
    SampleColumns columns = cache.samples();
    CHECK(columns.refs == std::vector<uint64_t>{10, 11});
    CHECK(columns.timestamps == std::vector<int64_t>{6, 77});
    CHECK(columns.values == std::vector<double>{1, 2.5});
}

TEST_CASE("entries of a broken scan are forgotten, those of a failed whole one are kept") {
    ScrapeCache cache;
    CHECK_THROWS_AS(cache.scan("a 1\nb 2\nbroken", {}), DecodeError);
    CHECK(cache.fail().empty());
    CHECK(cache.series() == 0);
    cache.scan("a 1\nb 2\n", {});
    assign_all(cache, 1);
    CHECK(cache.fail().empty());
    CHECK(cache.scan("b 1\na 2\n", {}).unknown == 0);
    cache.commit();
    CHECK(cache.fail() == std::vector<uint64_t>{1, 2});
    CHECK_THROWS_AS(cache.commit(), std::logic_error);
}

TEST_CASE("a body that changes wholly each time does not make the cache grow") {
    ScrapeCache cache;
    size_t most = 0;
    for (int round = 0; round < 200; ++round) {
        std::string body;
        for (int i = 0; i < 50; ++i) {
            body += "# HELP f" + std::to_string(round) + " text\nm{round=\"" +
                    std::to_string(round * 50 + i) + "\"} 1\n";
        }
        cache.scan(body, {});
        assign_all(cache, 1);
        CHECK(cache.vanished().empty());
        cache.commit();
        if (round == 20) most = cache.memory_bytes();
    }
    CHECK(cache.series() == 50);
    CHECK(cache.memory_bytes() < 2 * most);
}
