"""Tasks about data: load, clean, join and group."""

from __future__ import annotations

from .task import Task

SALES = "day,region,amount\n2026-01-05,north,120\n2026-01-19,south,80\n2026-02-02,north,95\n2026-02-16,south,130\n2026-03-02,north,60\n2026-03-16,south,115\n"
FRAME = f"""import io
import pandas as pd
sales = pd.read_csv(io.StringIO('''{SALES}'''), parse_dates=['day'])"""
PEOPLE = """import pandas as pd
people = pd.DataFrame({'email': ['ada@x.org', 'bob@x.org', 'ADA@x.org', 'cy@x.org', 'bob@x.org'],
                       'age': [36, None, 36, 52, None]})"""
SHOP = """import pandas as pd
customers = pd.DataFrame({'id': [1, 2, 3, 4], 'name': ['Ada', 'Bob', 'Cy', 'Dee']})
orders = pd.DataFrame({'customer': [1, 1, 3, 9], 'total': [20.0, 15.0, 7.5, 99.0]})"""

LOAD = (
    Task(
        name="load-csv",
        prompt="Load sales.csv into a DataFrame called sales, and tell me how many rows it has.",
        files={"sales.csv": SALES},
        state=("sales.shape == (6, 3)", "float(sales['amount'].sum()) == 600"),
        answer=(r"\b(6|six)\b",),
        spoil_state="sales = sales.iloc[1:]",
        spoil_answer="It has 7 rows.",
    ),
    Task(
        name="load-json-lines",
        prompt="events.jsonl has one JSON object a line. Load it into a DataFrame called events.",
        files={
            "events.jsonl": '{"user": "ada", "clicks": 3}\n{"user": "bob", "clicks": 5}\n{"user": "cy", "clicks": 1}\n'
        },
        state=("list(events['user']) == ['ada', 'bob', 'cy']", "int(events['clicks'].sum()) == 9"),
        spoil_state="events = events.astype(str)",
    ),
    Task(
        name="load-decimal-comma",
        prompt="Load prices.csv into a DataFrame called prices. The file is from a German spreadsheet; price must be a number.",
        files={"prices.csv": "item;price\nApfel;1,25\nBirne;2,50\nKäse;12,75\n"},
        state=("list(prices.columns) == ['item', 'price']", "float(prices['price'].sum()) == 16.5"),
        spoil_state="prices['price'] = prices['price'] * 100",
    ),
    Task(
        name="load-several",
        prompt="There is a CSV file for each month here. Load them all into one DataFrame called year, with a column month that has the file's name without its ending.",
        files={f"{month}.csv": f"item,sold\na,{n}\nb,{n * 2}\n" for n, month in enumerate(("jan", "feb", "mar"), 1)},
        state=(
            "len(year) == 6",
            "year.groupby('month')['sold'].sum().to_dict() == {'jan': 3, 'feb': 6, 'mar': 9}",
        ),
        spoil_state="year['month'] = year['month'] + '.csv'",
    ),
)  # fmt: skip

CLEAN = (
    Task(
        name="clean-duplicates",
        prompt="Some people are in `people` twice, because their email is written differently. Keep the first of each in a DataFrame unique.",
        cells=(PEOPLE,),
        state=("[e.lower() for e in unique['email']] == ['ada@x.org', 'bob@x.org', 'cy@x.org']", "len(people) == 5"),
        spoil_state="unique = people.drop_duplicates()",
    ),
    Task(
        name="clean-missing",
        prompt="Fill the missing ages in people with the median age. Change people itself.",
        cells=(PEOPLE,),
        state=("int(people['age'].isna().sum()) == 0", "list(people['age']) == [36, 36, 36, 52, 36]"),
        spoil_state="people.loc[1, 'age'] = 0",
    ),
    Task(
        name="clean-money",
        prompt="The column price of bills is text like '1,200 EUR'. Make it a number.",
        cells=("import pandas as pd\nbills = pd.DataFrame({'price': ['1,200 EUR', '85 EUR', '19,999 EUR']})",),
        state=("bills['price'].dtype.kind in 'if'", "float(bills['price'].sum()) == 21284"),
        spoil_state="bills['price'] = bills['price'] / 1000",
    ),
    Task(
        name="clean-column-names",
        prompt="Rename the columns of survey to snake_case.",
        cells=("import pandas as pd\nsurvey = pd.DataFrame({'First Name': ['Ada'], 'Age (years)': [36], ' City': ['Paris']})",),
        state=("list(survey.columns) == ['first_name', 'age_years', 'city']", "survey.iloc[0].tolist() == ['Ada', 36, 'Paris']"),
        spoil_state="survey.columns = ['first_name', 'age_(years)', 'city']",
    ),
    Task(
        name="clean-impossible",
        prompt="Temperatures in readings below -60 or above 60 are errors of the sensor. Remove these rows, and tell me how many they were.",
        cells=("import pandas as pd\nreadings = pd.DataFrame({'temperature': [12.5, 999.0, -3.0, -127.0, 30.0]})",),
        state=("list(readings['temperature']) == [12.5, -3.0, 30.0]",),
        answer=(r"\b(2|two)\b",),
        spoil_state="readings = readings.iloc[:1]",
        spoil_answer="I removed 3 rows.",
    ),
)  # fmt: skip

JOIN = (
    Task(
        name="join-left",
        prompt="Give each customer the sum of their orders in a DataFrame spent, with the columns name and total; 0 for those without orders.",
        cells=(SHOP,),
        state=("dict(zip(spent['name'], spent['total'])) == {'Ada': 35.0, 'Bob': 0.0, 'Cy': 7.5, 'Dee': 0.0}",),
        spoil_state="spent = spent[spent['total'] > 0]",
    ),
    Task(
        name="join-without-match",
        prompt="Which orders belong to no customer? Put them in a DataFrame orphans.",
        cells=(SHOP,),
        state=("orphans['customer'].tolist() == [9]", "len(orders) == 4"),
        answer=(r"\b9\b",),
        spoil_state="orphans = orders",
        spoil_answer="All orders belong to a customer.",
    ),
    Task(
        name="group-sum",
        prompt="What did each region sell? Put it in a dict by_region and name the better one.",
        cells=(FRAME,),
        state=("{k: float(v) for k, v in dict(by_region).items()} == {'north': 275.0, 'south': 325.0}",),
        answer=(r"south",),
        spoil_state="by_region = {'north': 325, 'south': 275}",
        spoil_answer="North sold more.",
    ),
    Task(
        name="group-months",
        prompt="Sum up the amounts of sales by month, in a Series monthly whose index are months.",
        cells=(FRAME,),
        state=("[float(v) for v in monthly] == [200.0, 225.0, 175.0]", "[int(m.month) for m in monthly.index] == [1, 2, 3]"),
        spoil_state="monthly = monthly.cumsum()",
    ),
    Task(
        name="rank-top",
        prompt="Put the three largest sales into top, largest first.",
        cells=(FRAME,),
        state=("list(top['amount']) == [130, 120, 115]",),
        spoil_state="top = top.sort_values('amount')",
    ),
)  # fmt: skip
