//! Where the specification contradicts itself or is silent, with the reading chosen here and why. No code.
//!
//! # Contradictions
//!
//! 1. **Discount of three years.** The label says 7 %; 32,500 of 35,000 is 7.14 % less. Five years: 14 %, and 14.29 %. The dollar
//!    prices count, the percentages are labels: a percentage of 35,000 would be no round price.
//! 2. **Hours of the retainer.** 66.67 hours at 75 are 5,000.25, the retainer costs 5,000. The price counts; the hours follow from
//!    it and are shown rounded.
//! 3. **Additional hours of support.** The bands say that up to 50 hours are covered by the retainer, yet 50 to 100 cost from 50 times the hour
//!    on (3,750), and the proposal document charges 3,750 for exactly 50. And the retainer covers 66.67 hours, not 50. A band is priced
//!    as the specification prices it: nothing, 3,750 to 7,500, 7,500 to 15,000. A number of hours is priced by the hour from the
//!    first one on, as the document and the last step do.
//! 4. **Recurring costs are one number** in the proposal's type, but the bands of support make them a range. Here they are a range.
//! 5. **Hours of the environment.** Time and materials of 40 to 80 hours in the price list, 60 hours and one amount in the document. Here it is
//!    the range, until a number of hours within it is agreed; then one amount.
//! 6. **The environment and time and materials.** The price list has the environment by the hour; the document's sum of T&M items (10,500 to
//!    15,750) leaves it out. It has a section of its own here, as in the document, and is a part of the implementation.
//! 7. **T&M per object or for all.** The price list prices a non-architected stream and a KPI with dynamic access *each*, by the hour and
//!    without hours; the document has one row of 40 to 60 hours and one of 20 to 30, the latter in the plural. Hours are counted for each
//!    one, or a tenth object would cost nothing.
//! 8. **The access specialist** sets up access to an environment that exists, is included in the setup, and no setup is charged when the environment
//!    exists. It is included in both cases: no line of its own.
//! 9. **Five years of archive "for compliance"** are less than what HIPAA (6) and SOX (7) ask for, and six years are no option. The archive is
//!    lengthened to the shortest option that, with the time in the active database, is long enough: seven years for both unless
//!    the active database holds the data for the rest: six years are also one active and five archived.
//! 10. **Unit of retention.** Periods are called days, and have a unit of months or years beside them; the cost function ignores the unit. Every
//!     period here is days; a year has 365, as in the options.
//! 11. **Detail that is kept.** All five levels are ticked, three are recommended. The ticked ones are the default.
//! 12. **The eight steps** begin with the cart in the specification; in the build plan they begin with licensing and end with a review.
//!     The specification's count, since a review has no answers.
//! 13. **Value chains** are found from the KPIs in one place and ticked in another. Here they are found, and more can be added.
//! 14. **Query frequency** is an input of the estimate that no step asks for. It is not asked.
//! 15. **Support in the licence.** The licence includes support in business hours, and so does the retainer. Both are charged as listed; the
//!     retainer can be declined.
//! 16. **Messages and caching.** The specification prices a Redis instance, which this engine does not run. The price stays: it is the
//!     specification's estimate, and its worked example includes it.
//!
//! # Silences
//!
//! 17. **Sizes from load.** Prices of instances are given, their number is "based on load". Two replicas at least, as in the document; more by
//!     users, KPIs and volume, with figures that the price book calls assumptions. 1,000 users by the minute, the
//!     performance target, need exactly the document's instances.
//! 18. **Storage of computed values** is asked for, but the cost function counts source data only. They are counted here, as a share of the source
//!     data by the levels that are kept; the shares are assumptions of the price book.
//! 19. **An archive for ever** has no size. It is priced as ten years, the longest other option, which outlasts every licence.
//! 20. **A full archive.** The cost function prices the archive as full from the first month on. So does this: it never asks for too little.
//! 21. **Traffic** has a price and no size. What is known is asked for; else it is what comes in over thirty days, and a share for each user.
//! 22. **GDPR and ISO 27001** come without a number of years. They lengthen nothing; GDPR with an archive for ever gets a notice.
//! 23. **A regulation of the industry** comes without a number of years, yet periods are to be adjusted to it. The number is asked for.
//! 24. **Infrastructure of an environment that exists** is estimated all the same: it costs its owner what it costs.
//! 25. **The internal rate** of 70 an hour is in no price book: it is the provider's margin, and no quote shows it.
//! 26. **Hours of access, testing and acceptance** are nowhere. They cost nothing in a quote, and take time in a schedule: assumptions, which
//!     [`crate::statement_of_work`] states.
//! 27. **Who tests** is nowhere. The developer does, as the only role that the document keeps until then.
//! 28. **Weeks of the timeline** overlap without a rule. Here they follow from dependencies: an object's data wait for access and the
//!     environment, a KPI for the objects it reads, a test for what it tests.
//! 29. **Utilisation above 90 %** is a target without a definition. It is the work of people over the time that they have, each from the first to
//!     the last day with a task: an architect who comes for two weeks is not idle in the others.
