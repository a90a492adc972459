#include "bytes/protobuf.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

using namespace narthex;

namespace {

using Bytes = std::vector<uint8_t>;

// Reads every field with `use` and gives the offset of the failure; fails the test when there is none.
template <typename Use>
size_t failure(const Bytes& message, Use&& use) {
    try {
        ProtoReader in(message);
        while (in.next()) use(in);
    } catch (const DecodeError& e) {
        return e.offset();
    }
    FAIL("accepted");
    return 0;
}

void skip(ProtoReader& in) {
    in.skip();
}

}  // namespace

TEST_CASE("scalars of every wire type are read") {
    Bytes message{0x08, 0x96, 0x01,                                                  // 1: 150
                  0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,  // 2: -1
                  0x18, 0x03,                                                        // 3: zigzag -2
                  0x21, 0,    0,    0,    0,    0,    0,    0xf8, 0x3f,              // 4: 1.5
                  0x2d, 0,    0,    0x20, 0x40,                                      // 5: 2.5f
                  0x32, 0x02, 'h',  'i',                                             // 6: "hi"
                  0x38, 0x01};                                                       // 7: true
    ProtoReader in(message);
    REQUIRE(in.next());
    CHECK(in.field() == 1);
    CHECK(in.uint64() == 150);
    REQUIRE(in.next());
    CHECK(in.int64() == -1);
    REQUIRE(in.next());
    CHECK(in.sint64() == -2);
    REQUIRE(in.next());
    CHECK(in.float64() == 1.5);
    REQUIRE(in.next());
    CHECK(in.float32() == 2.5f);
    REQUIRE(in.next());
    CHECK(in.string() == "hi");
    REQUIRE(in.next());
    CHECK(in.boolean());
    CHECK(!in.next());
}

TEST_CASE("extremes of signed numbers come back") {
    Bytes ones{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    ProtoReader a(ones), b(ones), c(ones), d(ones);
    REQUIRE((a.next() && b.next() && c.next() && d.next()));
    CHECK(a.uint64() == std::numeric_limits<uint64_t>::max());
    CHECK(b.sint64() == std::numeric_limits<int64_t>::min());
    CHECK(c.sint32() == std::numeric_limits<int32_t>::min());
    CHECK(d.int32() == -1);
}

TEST_CASE("repeated scalars are read packed and one by one") {
    Bytes message{0x0a, 0x03, 1, 0xac, 0x02, 0x08, 7, 0x12, 0x02, 1, 2};
    std::vector<uint64_t> plain;
    std::vector<int64_t> signs;
    ProtoReader in(message);
    while (in.next()) {
        if (in.field() == 1) in.each_uint64([&](uint64_t v) { plain.push_back(v); });
        if (in.field() == 2) in.each_sint64([&](int64_t v) { signs.push_back(v); });
    }
    CHECK(plain == std::vector<uint64_t>{1, 300, 7});
    CHECK(signs == std::vector<int64_t>{-1, 1});
    Bytes doubles{0x0a, 16, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f};
    std::vector<double> values;
    ProtoReader fixed(doubles);
    REQUIRE(fixed.next());
    fixed.each_double([&](double v) { values.push_back(v); });
    CHECK(values == std::vector<double>{1, 1.5});
}

TEST_CASE("unknown fields are passed over") {
    Bytes message{0x08, 0x80, 0x01, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 1, 'x', 0x25, 1, 2, 3, 4, 0x28, 9};
    ProtoReader in(message);
    for (int i = 0; i < 4; ++i) {
        REQUIRE(in.next());
        in.skip();
    }
    REQUIRE(in.next());
    CHECK(in.field() == 5);
    CHECK(in.uint64() == 9);
}

TEST_CASE("a message inside another ends where its length says, and offsets count from the outermost") {
    Bytes message{0x0a, 0x02, 0x08, 0x05, 0x10, 0x01};
    ProtoReader in(message);
    REQUIRE(in.next());
    ProtoReader inner = in.message();
    REQUIRE(inner.next());
    CHECK(inner.offset() == 3);
    CHECK(inner.uint64() == 5);
    CHECK(!inner.next());
    REQUIRE(in.next());
    CHECK(in.uint64() == 1);
    // A varint of the inner message must not take bytes of the outer one.
    CHECK(failure({0x0a, 0x02, 0x08, 0x85, 0x10, 0x01}, [](ProtoReader& outer) {
              ProtoReader cut = outer.message();
              cut.next();
              cut.uint64();
          }) == 4);
}

TEST_CASE("malformed messages are refused where they break") {
    CHECK(failure({0x08}, skip) == 1);             // no value
    CHECK(failure({0x08, 0x80}, skip) == 2);       // half a varint
    CHECK(failure({0x80, 0x80}, skip) == 2);       // half a tag
    CHECK(failure({0x09, 1, 2, 3}, skip) == 1);    // half a fixed64
    CHECK(failure({0x0d, 1}, skip) == 1);          // half a fixed32
    CHECK(failure({0x0a, 0x05, 'a'}, skip) == 2);  // longer than the message
    CHECK(failure({0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, skip) == 11);
    CHECK(failure({0x00, 0x01}, skip) == 1);                                       // field 0
    CHECK(failure({0x88, 0x80, 0x80, 0x80, 0x10, 0x01}, skip) == 5);               // beyond 2^29 - 1
    CHECK(failure({0x0b, 0x0c}, skip) == 1);                                       // a group
    CHECK(failure({0x0c}, skip) == 1);                                             // its end
    CHECK(failure({0x0e}, skip) == 1);                                             // wire type 6
    Bytes wide{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};  // 65 bits
    CHECK(failure(wide, skip) == 11);
    Bytes endless{0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
    CHECK(failure(endless, skip) == 11);
}

TEST_CASE("a value of the wrong wire type is refused") {
    CHECK(failure({0x08, 0x01}, [](ProtoReader& in) { in.string(); }) == 1);
    CHECK(failure({0x08, 0x01}, [](ProtoReader& in) { in.fixed64(); }) == 1);
    CHECK(failure({0x08, 0x01}, [](ProtoReader& in) { in.fixed32(); }) == 1);
    CHECK(failure({0x0a, 0x00}, [](ProtoReader& in) { in.uint64(); }) == 1);
    CHECK(failure({0x0d, 0, 0, 0, 0}, [](ProtoReader& in) { in.each_double([](double) {}); }) == 1);
    // Packed doubles that are no whole number of doubles.
    CHECK(failure({0x0a, 0x03, 1, 2, 3}, [](ProtoReader& in) { in.each_double([](double) {}); }) == 2);
}
