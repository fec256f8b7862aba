#include "source/http/header_map.h"

#include <algorithm>
#include <cctype>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace weir::http {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

TEST(HeaderIdTest, KnowsEveryNameInAnyCase) {
  for (size_t i = 1; i < static_cast<size_t>(HeaderId::kCount); ++i) {
    const HeaderId id = static_cast<HeaderId>(i);
    const std::string name(headerName(id));
    ASSERT_FALSE(name.empty());
    EXPECT_EQ(headerId(name), id) << name;
    EXPECT_EQ(headerId(upper(name)), id) << name;
    EXPECT_EQ(headerId(name + "x"), HeaderId::kOther) << name;
    EXPECT_EQ(headerId(name.substr(1)), HeaderId::kOther) << name;
  }
}

TEST(HeaderIdTest, NamesAreInOrder) {
  for (size_t i = 2; i < static_cast<size_t>(HeaderId::kCount); ++i) {
    EXPECT_LT(headerName(static_cast<HeaderId>(i - 1)), headerName(static_cast<HeaderId>(i)));
  }
}

TEST(HeaderIdTest, IsNotFooledByBytesThatDifferInTheCaseBitOnly) {
  EXPECT_EQ(headerId("x\rrequest\rid"), HeaderId::kOther);
  EXPECT_EQ(headerId("content\x0dlength"), HeaderId::kOther);
  EXPECT_EQ(headerId(""), HeaderId::kOther);
  EXPECT_EQ(headerId("\xc8ost"), HeaderId::kOther);
}

TEST(HeaderMapTest, KeepsOrderAndSpelling) {
  base::Arena arena;
  HeaderMap map(arena);
  map.add("X-B", "1");
  map.add("Host", "a");
  map.add("x-b", "2");
  std::string seen;
  map.forEach([&](const HeaderMap::Field& f) {
    seen.append(f.name).append("=").append(f.value).append(";");
  });
  EXPECT_EQ(seen, "X-B=1;Host=a;x-b=2;");
  EXPECT_EQ(map.get("X-b"), "1");
  EXPECT_EQ(map.get(HeaderId::kHost), "a");
  EXPECT_EQ(map.count("x-B"), 2u);
  EXPECT_EQ(map.byteSize(), 3 + 1 + 4 + 1 + 3 + 1u);
}

TEST(HeaderMapTest, TellsEmptyFromAbsent) {
  base::Arena arena;
  HeaderMap map(arena);
  map.add(HeaderId::kAccept, "");
  EXPECT_TRUE(map.has(HeaderId::kAccept));
  EXPECT_FALSE(map.has(HeaderId::kVia));
  EXPECT_EQ(map.get(HeaderId::kAccept), "");
}

TEST(HeaderMapTest, SetReplacesTheFirstAndRemovesTheOthers) {
  base::Arena arena;
  HeaderMap map(arena);
  for (const char* value : {"1", "2", "3"}) map.add("Cookie", value);
  map.set(HeaderId::kCookie, "one");
  EXPECT_EQ(map.count(HeaderId::kCookie), 1u);
  EXPECT_EQ(map.get("cookie"), "one");
  map.set("X-New", "v");
  EXPECT_EQ(map.get("x-new"), "v");
}

TEST(HeaderMapTest, ValuesStayWhereTheyAreWhenFieldsAreAdded) {
  base::Arena arena;
  HeaderMap map(arena);
  map.add("Host", "stays");
  const std::string_view value = map.get(HeaderId::kHost);
  for (int i = 0; i < 1000; ++i) map.add("X-" + std::to_string(i), std::string(50, 'v'));
  EXPECT_EQ(value, "stays");
  EXPECT_EQ(map.get(HeaderId::kHost).data(), value.data());
}

TEST(HeaderMapTest, SetViewCopiesNothing) {
  base::Arena arena;
  HeaderMap map(arena);
  constexpr std::string_view kFirst = "first";
  constexpr std::string_view kSecond = "second";
  map.setView(HeaderId::kVia, kFirst);
  EXPECT_EQ(map.get("via").data(), kFirst.data());
  map.add("Via", "another");
  map.setView(HeaderId::kVia, kSecond);
  EXPECT_EQ(map.get("via").data(), kSecond.data());
  EXPECT_EQ(map.count(HeaderId::kVia), 1u);
  EXPECT_EQ(map.byteSize(), 3 + kSecond.size());
}

TEST(HeaderMapTest, AChangedLineIsNoLineAnyMore) {
  base::Arena arena;
  HeaderMap map(arena);
  constexpr std::string_view kText = "Via: 1.1 a\r\n";
  map.addLine(HeaderId::kVia, kText.substr(0, 3), kText.substr(5, 5));
  EXPECT_TRUE(map.fields()[0].line);
  map.set(HeaderId::kVia, "1.1 b");
  EXPECT_FALSE(map.fields()[0].line);
}

TEST(HeaderMapTest, VisitsTheFieldsOfOneName) {
  base::Arena arena;
  HeaderMap map(arena);
  const auto values = [&](HeaderId id) {
    std::string seen;
    map.forEach(id, [&](const HeaderMap::Field& field) { seen.append(field.value).append(";"); });
    return seen;
  };
  EXPECT_EQ(values(HeaderId::kVia), "");
  map.add("Via", "1");
  map.add("X-Other", "no");
  EXPECT_EQ(values(HeaderId::kVia), "1;");
  map.add("via", "2");
  EXPECT_EQ(values(HeaderId::kVia), "1;2;");
  map.remove(HeaderId::kVia);
  EXPECT_EQ(values(HeaderId::kVia), "");
  map.add("via", "3");
  EXPECT_EQ(values(HeaderId::kVia), "3;");
}

TEST(HeaderMapTest, ClearForgetsAll) {
  base::Arena arena;
  HeaderMap map(arena);
  map.add("Host", "a");
  map.clear();
  EXPECT_TRUE(map.empty());
  EXPECT_FALSE(map.has(HeaderId::kHost));
  EXPECT_FALSE(map.has("host"));
}

// A header map the simple way: what every operation is held against.
class NaiveMap {
 public:
  using Entry = std::pair<std::string, std::string>;
  static auto matches(std::string_view name) {
    return [wanted = upper(name)](const Entry& entry) { return upper(entry.first) == wanted; };
  }
  void add(std::string_view name, std::string_view value) { entries_.emplace_back(name, value); }
  size_t count(std::string_view name) const {
    return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), matches(name)));
  }
  std::string get(std::string_view name) const {
    const auto found = std::find_if(entries_.begin(), entries_.end(), matches(name));
    return found == entries_.end() ? "" : found->second;
  }
  void remove(std::string_view name) { std::erase_if(entries_, matches(name)); }
  void set(std::string_view name, std::string_view value) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), matches(name));
    if (found == entries_.end()) return add(name, value);
    found->second = value;
    const auto kept = std::distance(entries_.begin(), found);
    entries_.erase(std::remove_if(entries_.begin() + kept + 1, entries_.end(), matches(name)),
                   entries_.end());
  }
  const std::vector<Entry>& entries() const { return entries_; }
  void clear() { entries_.clear(); }

 private:
  std::vector<Entry> entries_;
};

TEST(HeaderMapPropertyTest, BehavesLikeANaiveMultimap) {
  const std::vector<std::string> names = {"Host",
                                          "hOST",
                                          "X-A",
                                          "x-a",
                                          "x-b",
                                          "Via",
                                          "Cookie",
                                          "cookie",
                                          "TE",
                                          "ETag",
                                          "X-Abcdefghijklmnop",
                                          "x-aBCDEFGHIJKLMNOP"};
  std::mt19937 random(7);
  base::Arena arena;
  HeaderMap map(arena);
  NaiveMap naive;
  for (int step = 0; step < 6000; ++step) {
    const std::string& name = names[random() % names.size()];
    const std::string value = std::to_string(random() % 100);
    switch (random() % 8) {
      case 0:
      case 1:
      case 2:
        map.add(name, value);
        naive.add(name, value);
        break;
      case 3:
        map.set(name, value);
        naive.set(name, value);
        break;
      case 4: {
        const size_t expected = naive.count(name);
        naive.remove(name);
        ASSERT_EQ(map.remove(name), expected);
        break;
      }
      case 5:
        if (headerId(name) != HeaderId::kOther) {
          naive.set(name, value);
          map.set(headerId(name), value);
        }
        break;
      case 6: {
        std::vector<NaiveMap::Entry> kept;
        for (const auto& entry : naive.entries()) {
          if (entry.second != value) kept.push_back(entry);
        }
        naive.clear();
        for (const auto& entry : kept) naive.add(entry.first, entry.second);
        map.removeIf([&](const HeaderMap::Field& field) { return field.value == value; });
        break;
      }
      case 7:
        if (random() % 50 == 0) {
          naive.clear();
          map.clear();
          arena.clear();
        }
        break;
    }
    std::vector<NaiveMap::Entry> seen;
    map.forEach([&](const HeaderMap::Field& field) { seen.emplace_back(field.name, field.value); });
    ASSERT_EQ(seen.size(), map.size());
    ASSERT_EQ(seen.size(), naive.entries().size());
    for (size_t i = 0; i < seen.size(); ++i) {
      ASSERT_EQ(upper(seen[i].first), upper(naive.entries()[i].first));
      ASSERT_EQ(seen[i].second, naive.entries()[i].second);
    }
    for (const std::string& probe : names) {
      ASSERT_EQ(map.get(probe), naive.get(probe));
      ASSERT_EQ(map.has(probe), naive.count(probe) > 0);
      ASSERT_EQ(map.count(probe), naive.count(probe));
    }
  }
}

}  // namespace
}  // namespace weir::http
