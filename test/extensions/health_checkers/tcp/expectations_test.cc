#include "extensions/health_checkers/tcp/expectations.h"

#include <random>
#include <string>

#include "gtest/gtest.h"

namespace weir::extensions::health_checkers::tcp {
namespace {

using Progress = ExpectationReader::Progress;

Expectations expectations(const std::vector<std::string>& texts) {
  Expectations out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

TEST(Expectations, ComeInOrderWithAnythingInBetween) {
  const Expectations expected = expectations({"220 ", "250", "ok"});
  ExpectationReader reader(expected);
  EXPECT_EQ(reader.read("ok 250 22"), Progress::kMore);
  EXPECT_EQ(reader.missing(), "\"220 \"");
  EXPECT_EQ(reader.read("0 mail 25"), Progress::kMore);
  EXPECT_EQ(reader.missing(), "\"250\"");
  EXPECT_EQ(reader.read("0o"), Progress::kMore);
  EXPECT_EQ(reader.missing(), "\"ok\"");
  EXPECT_EQ(reader.read("k"), Progress::kFound);
  EXPECT_EQ(reader.read("more"), Progress::kFound);
}

TEST(Expectations, DoNotOverlap) {
  const Expectations expected = expectations({"aba", "aba"});
  ExpectationReader reader(expected);
  EXPECT_EQ(reader.read("ababa"), Progress::kMore);
  EXPECT_EQ(reader.read("ba"), Progress::kFound);
}

TEST(Expectations, NoneAreFoundAtOnce) {
  const Expectations none;
  ExpectationReader reader(none);
  EXPECT_EQ(reader.read("x"), Progress::kFound);
}

TEST(Expectations, HaveToComeWithinABound) {
  const Expectations expected = expectations({"END"});
  const std::string filler(kMostAnswerBytes - 3, '.');
  {
    ExpectationReader reader(expected);
    EXPECT_EQ(reader.read(filler + "END"), Progress::kFound);
  }
  for (const size_t cut : {size_t{1}, filler.size(), filler.size() + 3}) {
    ExpectationReader reader(expected);
    const std::string text = filler + ".END";
    reader.read(text.substr(0, cut));
    EXPECT_EQ(reader.read(text.substr(cut)), Progress::kNever);
    EXPECT_EQ(reader.read("END"), Progress::kNever);
    EXPECT_EQ(reader.missing(), "\"END\"");
  }
}

// However what the endpoint says is cut, the outcome is that of searching in the whole.
TEST(Expectations, AgreeWithASearchInTheWhole) {
  std::mt19937 random(11);
  int found = 0;
  for (int round = 0; round < 5000; ++round) {
    const std::vector<std::string> texts = {"ab", std::string(1 + random() % 3, 'a'), "ba"};
    const Expectations expected = expectations(texts);
    std::string said;
    for (size_t i = 0, n = random() % 30; i < n; ++i) said += "abc"[random() % 3];
    size_t at = 0;
    for (const std::string& text : texts) {
      if (at == std::string::npos) break;
      at = said.find(text, at);
      if (at != std::string::npos) at += text.size();
    }
    ExpectationReader reader(expected);
    Progress progress = Progress::kMore;
    for (size_t i = 0; i < said.size();) {
      const size_t size = 1 + random() % 7;
      progress = reader.read(std::string_view(said).substr(i, size));
      i += size;
    }
    ASSERT_EQ(progress == Progress::kFound, at != std::string::npos) << said;
    found += progress == Progress::kFound;
  }
  EXPECT_GT(found, 1000);
}

}  // namespace
}  // namespace weir::extensions::health_checkers::tcp
