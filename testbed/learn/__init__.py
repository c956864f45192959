"""The state machines of mail servers, learnt by asking them: what they answer, and what they remember."""
