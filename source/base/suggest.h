#pragma once

#include <span>
#include <string>
#include <string_view>

namespace weir::base {

// The candidate that `word` was probably meant to be: the nearest by Damerau-Levenshtein distance
// (one insertion, deletion, replacement or swap of neighbours each), letter case ignored, at most a
// third of the word's length away (at least one). The first of equals. Empty when nothing is near.
std::string closest(std::string_view word, std::span<const std::string> candidates);

// "; did you mean \"x\"?" for the closest, or empty: to append to a message.
std::string didYouMean(std::string_view word, std::span<const std::string> candidates);

}  // namespace weir::base
