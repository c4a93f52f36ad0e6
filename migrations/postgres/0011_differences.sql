-- Differences go with their decision: without this each of them is looked for among all.

CREATE INDEX policy_trial_differences_decision ON policy_trial_differences (decision);
