"""What the lab prints at the end: the table, what failed, what does not apply and why, and the texts that drivers showed to their users."""


def table(drivers, cases, outcomes):
    width = max(len(case.name) for case in cases)
    print()
    print("  ".join([" " * width, *drivers]))
    for case in cases:
        cells = (outcomes[driver, case.name].state.ljust(len(driver)) for driver in drivers)
        print("  ".join([case.name.ljust(width), *cells]))


def explanations(drivers, cases, outcomes):
    print("\nn-a, and why:")
    for case in cases:
        reasons = {}
        for driver in drivers:
            outcome = outcomes[driver, case.name]
            if outcome.state == "n-a":
                reasons.setdefault(outcome.text, []).append(driver)
        for reason, of in reasons.items():
            print(f"  {case.name}: {'every driver' if of == drivers else ', '.join(of)}: {reason}")
    print("\nWhat the drivers showed:")
    for case in cases:
        for driver in drivers:
            for text in outcomes[driver, case.name].shown:
                print(f"  {case.name} | {driver}: {text}")
    failed = [(driver, case.name) for case in cases for driver in drivers if outcomes[driver, case.name].state == "FAIL"]
    if failed:
        print("\nFAIL:")
        for key in failed:
            print(f"  {key[1]} | {key[0]}: {outcomes[key].text}")
    print()


def closing_line(outcomes):
    """The line that counts, and the exit code."""
    states = [outcome.state for outcome in outcomes.values()]
    passed, failed = states.count("ok"), states.count("FAIL")
    print(f"{states.count('n-a')} cases do not apply, each with its reason above.")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
