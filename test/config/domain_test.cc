#include "source/config/domain.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

TEST(Domain, WhatIsOne) {
  for (const char* good : {"*", "a", "shop.example", "*.shop.example", "shop.*", "SHOP.example",
                           "shop.example:8080", "*:8080", "*.shop.example:80", "10.0.0.1", "[::1]",
                           "[::1]:80", "my_host", "xn--bcher-kva.de"}) {
    EXPECT_TRUE(checkDomain(good).ok()) << good << " " << checkDomain(good);
  }
}

TEST(Domain, WhatIsNot) {
  for (const char* bad : {"",
                          "http://shop.example",
                          "shop.example/",
                          "*shop.example",
                          "sh*p.example",
                          "*.*",
                          "*.",
                          ".*",
                          "shop..example",
                          ".example",
                          "a b",
                          "shop.example:",
                          "shop.example:0",
                          "shop.example:70000",
                          "shop.example:x",
                          "::1",
                          "[::1",
                          "[zz]",
                          "b\xC3\xBC"
                          "cher.de",
                          "a\r\nb",
                          "**"}) {
    EXPECT_FALSE(checkDomain(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace weir::config
